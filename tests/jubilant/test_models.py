"""Two models, and a relation between them."""

import json
import unittest

import jubilant

from base import BINARY, PROBE, ModelTest


class ModelsTest(ModelTest):
    model = "here"

    @classmethod
    def deploy(cls):
        cls.there = jubilant.Juju(cli_binary=BINARY, wait_timeout=120)
        cls.there.add_model("there")
        cls.there.deploy(PROBE, "giver", config={"greeting": "from afar"})
        cls.juju.deploy(PROBE, "taker")
        cls.settle()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.there.destroy_model("there", force=True)

    def test_an_offer_is_made_consumed_and_related(self):
        self.there.offer("giver", endpoint="answer", name="gift")
        offers = json.loads(self.juju.cli("find-offers", "--format", "json", include_model=False))
        self.assertEqual(offers["relation-bus:admin/there.gift"]["endpoints"]["answer"]["role"],
                         "provider")
        self.juju.consume("there.gift", "present", owner="admin")
        self.juju.integrate("taker:ask", "present")
        self.settle(lambda status: status.app_endpoints["present"].relations
                    and jubilant.all_active(status))

        status = self.juju.status()
        present = status.app_endpoints["present"]
        self.assertEqual(present.url, "admin/there.gift")
        self.assertEqual(present.endpoints["answer"].interface, "probe")
        self.assertEqual(present.relations, {"answer": ["taker"]})
        self.there.wait(lambda status: status.offers["gift"].active_connected_count == 1,
                        delay=0.2, successes=1)
        self.assertEqual(self.there.status().offers["gift"].app, "giver")

        def told():
            for relation in self.juju.show_unit("taker/0").relation_info:
                if relation.endpoint == "ask":
                    return relation.cross_model, relation.app_data
            return None

        self.juju.wait(lambda _: told() == (True, {"greeting": "from afar"}), delay=0.2,
                       successes=1)

        self.juju.remove_relation("taker:ask", "present")
        self.settle(lambda status: "ask" not in status.apps["taker"].relations)
        self.juju.cli("remove-saas", "present")
        self.settle(lambda status: not status.app_endpoints)
        self.there.cli("remove-offer", "gift", "--force", "-y")
        self.assertEqual(self.there.status().offers, {})

    def test_models_are_separate(self):
        self.assertEqual(list(self.juju.status().apps), ["taker"])
        self.assertEqual(list(self.there.status().apps), ["giver"])
        with self.refused("not found"):
            jubilant.Juju(cli_binary=BINARY, model="nowhere").status()
        self.juju.cli("switch", "there", include_model=False)
        self.assertEqual(list(jubilant.Juju(cli_binary=BINARY).status().apps), ["giver"])
        with self.refused("already exists"):
            jubilant.Juju(cli_binary=BINARY).add_model("there")


if __name__ == "__main__":
    unittest.main()
