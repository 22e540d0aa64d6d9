//! Names under which the coordinator is reached inside the cluster.

/// The name of the application's Kubernetes Service: `<app>.<model>.` and the unit's name from its
/// `svc` label on. A unit's name without such a label is no Kubernetes name and is taken as it is.
pub(crate) fn of_application(application: &str, model: &str, fqdn: &str) -> String {
    let mut labels = fqdn.split('.');
    if labels.by_ref().any(|label| label == "svc") {
        let rest: String = labels.flat_map(|label| [".", label]).collect();
        format!("{application}.{model}.svc{rest}")
    } else {
        fqdn.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::of_application;

    #[test]
    fn the_cluster_domain_is_kept() {
        let of = |fqdn| of_application("tally", "stage", fqdn);
        assert_eq!(
            of("tally-0.tally-endpoints.stage.svc.cluster.local"),
            "tally.stage.svc.cluster.local"
        );
        assert_eq!(of("tally-0.tally-endpoints.stage.svc"), "tally.stage.svc");
        assert_eq!(of("box.example.org"), "box.example.org");
    }
}
