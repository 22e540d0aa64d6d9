"""jubilant brings up the charms of this project, as an operator of COS would."""

import json
import unittest

import jubilant

from base import WORKSPACE, ModelTest


class CosTest(ModelTest):
    model = "cos"

    @classmethod
    def deploy(cls):
        juju = cls.juju
        juju.deploy(WORKSPACE / "charmcraft/coordinator", "tally", trust=True)
        roles = {"role-read": True, "role-write": True, "role-backend": True}
        juju.deploy(WORKSPACE / "charmcraft/worker", "worker", config=roles, trust=True)
        juju.deploy("cos:loki", "loki")
        store = {"endpoint": "http://s3.example:9000", "bucket": "tally",
                 "access-key": "AKTALLY", "secret-key": "not-a-real-key"}
        juju.deploy("cos:s3-integrator", "s3", config=store)
        juju.integrate("tally:tally-cluster", "worker")
        juju.integrate("tally:s3", "s3")
        juju.integrate("tally:logging", "loki:logging")
        cls.settle()

    def bag(self, unit, endpoint):
        """What the other application tells a unit on an endpoint."""
        for relation in self.juju.show_unit(unit).relation_info:
            if relation.endpoint == endpoint:
                return relation.app_data
        return None

    def told(self, key):
        """What the coordinator tells its workers under a key."""
        return json.loads(self.bag("worker/0", "tally-cluster")[key])

    def test_a_deployment_follows_its_operator(self):
        status = self.juju.status()
        self.assertEqual(status.apps["worker"].charm_name, "tally-worker-k8s")
        self.assertIn("ready", status.apps["worker"].units["worker/0"].workload_status.message)
        self.comes_to_hold(lambda: self.assertEqual(list(self.told("loki_endpoints")), ["loki/0"]))
        self.assertEqual(json.loads(self.bag("tally/0", "tally-cluster")["role"]),
                         "backend,read,write")

        # One more worker is one more to balance.
        self.juju.add_unit("worker")
        self.settle(lambda status: len(status.apps["worker"].units) == 2
                    and jubilant.all_active(status))
        self.comes_to_hold(
            lambda: self.assertIn("worker-1.worker-endpoints", self.told("worker_config")))

        # Without a role the deployment is blocked, and says so.
        self.juju.config("worker", {"role-read": False})
        self.settle(lambda status: jubilant.all_blocked(status, "tally"))
        self.juju.config("worker", reset="role-read")
        self.juju.config("worker", {"role-read": True})
        self.settle(lambda status: jubilant.all_active(status, "tally", "worker"))

        # The log store goes, and nobody sends logs any more.
        self.juju.remove_application("loki")
        self.settle(lambda status: "loki" not in status.apps and jubilant.all_active(status))
        self.comes_to_hold(lambda: self.assertEqual(self.told("loki_endpoints"), {}))


if __name__ == "__main__":
    unittest.main()
