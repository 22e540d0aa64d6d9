"""A probe for juju-doctor: it sees the model that test_name.py has made, in all three artifacts."""


def status(juju_statuses):
    for model in juju_statuses.values():
        assert model["model"]["name"] == "doctor"
        units = [unit for app in model["applications"].values() for unit in app["units"].values()]
        assert len(units) == 2
        assert all(unit["workload-status"]["current"] == "active" for unit in units)


def bundle(juju_bundles):
    for model in juju_bundles.values():
        assert model["bundle"] == "kubernetes"
        assert set(model["applications"]) == {"one", "two"}
        assert ["one:ask", "two:answer"] in model["relations"]


def show_unit(juju_show_units):
    for model in juju_show_units.values():
        assert set(model) == {"one/0", "two/0"}
        related = {info["endpoint"]: info for info in model["one/0"]["relation-info"]}
        assert related["ask"]["related-units"]["two/0"]["data"]["unit-key"] == "two/0"
