//! Hook tools of secrets.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

use super::{Argument, Owner, ToolCall, ToolError, Tools};
use crate::names::{ApplicationName, RelationId, SecretId, SecretLabel};
use crate::secret::{SecretContent, SecretText};
use crate::snapshot::Relation;

/// What its owner may know of a secret besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its id.
    pub id: SecretId,
    /// The label that its owner gave it.
    pub label: Option<SecretLabel>,
    /// Scopes of its grants, as Juju prints them: `relation-<app>.<endpoint>#<app>.<endpoint>`.
    scopes: Vec<String>,
}

impl SecretInfo {
    /// Whether the secret is granted on a relation of the given application, which is ours.
    pub fn is_granted_on(&self, relation: &Relation, application: &ApplicationName) -> bool {
        let side = |name: &ApplicationName| format!("{name}.");
        self.scopes.iter().any(|scope| {
            let Some(sides) = scope.strip_prefix("relation-") else { return false };
            let sides: Vec<&str> = sides.split(['#', ' ']).collect();
            let remote = relation.remote_app.as_ref();
            sides.contains(&format!("{application}.{}", relation.endpoint).as_str())
                && remote
                    .is_none_or(|remote| sides.iter().any(|text| text.starts_with(&side(remote))))
        })
    }
}

#[derive(Default, Deserialize)]
struct InfoData {
    #[serde(default)]
    label: String,
    #[serde(default)]
    access: Option<Vec<AccessData>>,
}

#[derive(Default, Deserialize)]
struct AccessData {
    #[serde(default)]
    scope: String,
}

fn secret_id(bare: &str) -> Option<SecretId> {
    let text = if bare.starts_with("secret:") { bare.to_owned() } else { format!("secret:{bare}") };
    text.parse().ok()
}

impl Tools<'_> {
    /// What we know of a secret of ours; `None` when there is none of that label.
    ///
    /// # Errors
    ///
    /// When the tool fails for another reason.
    pub fn secret_info(&self, label: &SecretLabel) -> Result<Option<SecretInfo>, ToolError> {
        self.info(ToolCall::new("secret-info-get").json().arg("--label").arg(label.as_str()))
    }

    fn info(&self, call: ToolCall) -> Result<Option<SecretInfo>, ToolError> {
        let data: BTreeMap<String, InfoData> = match self.read(call, "an object of secrets") {
            Ok(data) => data,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(data.into_iter().find_map(|(id, data)| {
            let access = data.access.unwrap_or_default();
            Some(SecretInfo {
                id: secret_id(&id)?,
                label: data.label.parse().ok(),
                scopes: access.into_iter().map(|access| access.scope).collect(),
            })
        }))
    }

    /// Newest content of a secret of ours.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn own_secret(&self, label: &SecretLabel) -> Result<SecretContent, ToolError> {
        self.content(ToolCall::new("secret-get").json().arg("--label").arg(label.as_str()))
    }

    /// Newest content of somebody else's secret; we track that revision from now on.
    ///
    /// # Errors
    ///
    /// When the tool fails, or the secret may not be read.
    pub fn observed_secret(&self, id: &SecretId) -> Result<SecretContent, ToolError> {
        self.content(ToolCall::new("secret-get").json().arg("--refresh").arg(id.as_str()))
    }

    fn content(&self, call: ToolCall) -> Result<SecretContent, ToolError> {
        let entries: BTreeMap<String, String> = self.read(call, "an object of texts")?;
        Ok(entries.into_iter().map(|(key, value)| (key, SecretText::new(value))).collect())
    }

    /// Ids and labels of all secrets that we manage.
    ///
    /// # Errors
    ///
    /// When a tool fails.
    pub fn secret_listing(&self) -> Result<BTreeMap<SecretId, Option<SecretLabel>>, ToolError> {
        let bare: Vec<String> =
            self.read(ToolCall::new("secret-ids").json(), "a list of secret ids")?;
        let mut listing = BTreeMap::new();
        for id in bare.iter().filter_map(|bare| secret_id(bare)) {
            let info = self.info(ToolCall::new("secret-info-get").json().arg(id.as_str()))?;
            if let Some(info) = info {
                listing.insert(id, info.label);
            }
        }
        Ok(listing)
    }

    /// Makes a secret.
    ///
    /// # Errors
    ///
    /// When the tool fails; for the application's also when this unit doesn't lead.
    pub fn add_secret(
        &self,
        label: &SecretLabel,
        owner: Owner,
        content: &SecretContent,
        expire: Option<SystemTime>,
    ) -> Result<SecretId, ToolError> {
        let call = ToolCall::new("secret-add").arg("--label").arg(label.as_str()).arg("--owner");
        let call = call.arg(match owner {
            Owner::Unit => "unit",
            Owner::Application => "application",
        });
        let call = with_content(with_expiry(call, expire), content);
        let printed = self.run(call.clone())?;
        secret_id(String::from_utf8_lossy(&printed).trim())
            .ok_or_else(|| super::unexpected(&call, "a secret id"))
    }

    /// Makes a new revision.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn set_secret(
        &self,
        id: &SecretId,
        content: &SecretContent,
        expire: Option<SystemTime>,
    ) -> Result<(), ToolError> {
        let call = with_expiry(ToolCall::new("secret-set").arg(id.as_str()), expire);
        self.run(with_content(call, content)).map(drop)
    }

    /// Lets the other end of a relation read a secret.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn grant_secret(&self, id: &SecretId, relation: RelationId) -> Result<(), ToolError> {
        let call = ToolCall::new("secret-grant").arg(id.as_str());
        self.run(call.arg("-r").arg(relation.to_string())).map(drop)
    }

    /// Removes a secret with all its revisions.
    ///
    /// # Errors
    ///
    /// When the tool fails.
    pub fn remove_secret(&self, id: &SecretId) -> Result<(), ToolError> {
        self.run(ToolCall::new("secret-remove").arg(id.as_str())).map(drop)
    }
}

fn with_content(mut call: ToolCall, content: &SecretContent) -> ToolCall {
    call.arguments.extend(
        content.iter().map(|(key, content)| Argument::SecretFile {
            key: key.clone(),
            content: content.clone(),
        }),
    );
    call
}

fn with_expiry(call: ToolCall, expire: Option<SystemTime>) -> ToolCall {
    match expire {
        Some(time) => call.arg("--expire").arg(rfc3339(time)),
        None => call,
    }
}

/// A time in UTC as RFC 3339 to the second.
fn rfc3339(time: SystemTime) -> String {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to civil date, counted in eras of 400 years that begin on 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::recording::RecordingTools;
    use super::*;
    use crate::testing::RelationBuilder;

    #[test]
    fn times_are_printed_in_utc() {
        let at = |seconds| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_795_226_303), "2026-11-21T01:58:23Z");
    }

    #[test]
    fn contents_are_never_arguments() {
        let tools = RecordingTools::default().prints("secret-add", "secret:abc\n");
        let content = SecretContent::from([("key".to_owned(), SecretText::new("hunter2"))]);
        let label = "tls".parse().expect("valid");
        let id = Tools::new(&tools).add_secret(&label, Owner::Unit, &content, None).expect("made");
        assert_eq!(id.as_str(), "secret:abc");
        assert_eq!(tools.calls(), ["secret-add --label tls --owner unit key#file=(secret)"]);
    }

    #[test]
    fn info_is_read_with_grants() {
        let answer = r#"{"abc":{"revision":1,"label":"tls","owner":"application","rotation":"never",
            "access":[{"target":"application-x","scope":"relation-tempo.cluster#worker.cluster","role":"view"}]}}"#;
        let tools = RecordingTools::default().prints("secret-info-get", answer);
        let label: SecretLabel = "tls".parse().expect("valid");
        let info = Tools::new(&tools).secret_info(&label).expect("read").expect("there");
        assert_eq!(info.id.as_str(), "secret:abc");
        let snapshot = crate::snapshot::Snapshot::for_test("tempo/0")
            .relation(RelationBuilder::new("cluster", 7, "worker"))
            .relation(RelationBuilder::new("cluster", 8, "other"))
            .build();
        let granted = snapshot
            .relations
            .iter()
            .filter(|relation| info.is_granted_on(relation, &snapshot.identity.application));
        assert_eq!(granted.map(|relation| relation.id).collect::<Vec<_>>(), [RelationId(7)]);
    }

    #[test]
    fn a_label_that_is_not_there_is_no_error() {
        let tools =
            RecordingTools::default().refuses("secret-info-get", "secret \"tls\" not found");
        let label: SecretLabel = "tls".parse().expect("valid");
        assert_eq!(Tools::new(&tools).secret_info(&label).expect("read"), None);
    }
}
