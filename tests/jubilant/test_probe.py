"""jubilant's calls, one after another, over a charm made for it."""

import json
import subprocess
import unittest

import jubilant

from base import BINARY, PROBE, ModelTest


class ProbeTest(ModelTest):
    model = "probe"

    @classmethod
    def deploy(cls):
        cls.juju.deploy(PROBE, "one", config={"greeting": "hi"}, num_units=2)
        cls.juju.deploy(PROBE, "two", trust=True)
        cls.juju.integrate("one:ask", "two:answer")
        cls.settle(lambda status: jubilant.all_active(status) and jubilant.all_agents_idle(status))

    def test_status(self):
        status = self.juju.status()
        self.assertEqual(status.model.name, "probe")
        self.assertEqual(status.model.type, "caas")
        one = status.apps["one"]
        self.assertEqual((one.charm_name, one.scale, one.version), ("probe", 2, "1.2.3"))
        self.assertEqual(one.app_status.message, "hi")
        self.assertEqual(one.base.name, "ubuntu")
        relation = one.relations["ask"][0]
        self.assertEqual((relation.related_app, relation.interface), ("two", "probe"))
        self.assertEqual(one.relations["peers"][0].related_app, "one")
        units = status.get_units("one")
        self.assertEqual(sorted(units), ["one/0", "one/1"])
        self.assertEqual(sum(unit.leader for unit in units.values()), 1)
        self.assertEqual(units["one/0"].open_ports, ["8080/tcp"])
        self.assertTrue(units["one/0"].address)
        self.assertEqual(units["one/0"].juju_status.current, "idle")
        self.assertEqual(units["one/0"].juju_status.version, status.model.version)
        storage = next(iter(status.storage.storage.values()))
        self.assertEqual((storage.kind, storage.status.current), ("filesystem", "attached"))

    def test_show_unit(self):
        unit = self.juju.show_unit("one/0")
        self.assertEqual(unit.workload_version, "1.2.3")
        self.assertEqual(unit.opened_ports, ["8080/tcp"])
        relations = {relation.endpoint: relation for relation in unit.relation_info}
        ask = relations["ask"]
        self.assertEqual(ask.related_endpoint, "answer")
        self.assertEqual(ask.app_data, {"greeting": "hello"})
        self.assertEqual(ask.related_units["two/0"].data["unit-key"], "two/0")
        self.assertTrue(relations["peers"].local_unit.in_scope)
        with self.refused('ERROR unit "one/9" not found'):
            self.juju.show_unit("one/9")

    def test_config(self):
        config = self.juju.config("two")
        self.assertEqual(config["greeting"], "hello")
        self.assertNotIn("volume", config)
        self.assertEqual(self.juju.config("two", app_config=True)["trust"], True)
        self.juju.config("two", {"greeting": "hey", "volume": 3})
        self.settle(lambda status: status.apps["two"].app_status.message == "hey")
        self.assertEqual(self.juju.config("two")["volume"], 3)
        self.assertEqual(self.juju.cli("config", "two", "greeting"), "hey\n")
        self.juju.config("two", reset=["greeting", "volume"])
        self.settle(lambda status: status.apps["two"].app_status.message == "hello")
        with self.refused('option "volume"'):
            self.juju.config("two", {"volume": "loud"})
        with self.refused("nope"):
            self.juju.config("two", {"nope": "x"})
        with self.refused('application "nobody" not found'):
            self.juju.config("nobody")

    def test_actions(self):
        task = self.juju.run("one/0", "greet", {"who": "you", "times": 2})
        self.assertEqual(task.results, {"greeting": "hi you", "count": {"times": "2"}})
        self.assertEqual((task.status, task.return_code), ("completed", 0))
        self.assertIn("greeting you", task.log[0])
        leader = self.juju.run("one/leader", "greet", {"who": "you"})
        self.assertEqual(leader.results["count"], {"times": "1"})
        with self.assertRaises(jubilant.TaskError) as caught:
            self.juju.run("one/0", "fail")
        failed = caught.exception.task
        self.assertEqual((failed.status, failed.message), ("failed", "as asked"))
        self.assertEqual((failed.results, failed.return_code), ({"reason": "asked"}, 0))
        with self.assertRaises(jubilant.TaskError) as caught:
            self.juju.run("one/0", "crash")
        self.assertEqual(caught.exception.task.return_code, 3)
        self.assertEqual(caught.exception.task.message, "exit status 3")
        with self.assertRaises(ValueError) as caught:
            self.juju.run("one/0", "nope")
        self.assertIn('action "nope" not defined on unit "one/0"', str(caught.exception))
        shown = json.loads(self.juju.cli("show-task", task.id, "--format", "json"))
        self.assertEqual(shown["results"]["greeting"], "hi you")
        plain = self.juju.cli("run", "one/0", "greet", "who=you")
        self.assertIn("greeting: hi you\n", plain)
        listed = json.loads(self.juju.cli("actions", "one", "--format", "json"))
        self.assertEqual(listed["greet"], "Greet somebody.")

    def test_model_config(self):
        config = self.juju.model_config()
        self.assertEqual(config["update-status-hook-interval"], "5m")
        self.assertIs(config["automatically-retry-hooks"], True)
        self.juju.model_config({"update-status-hook-interval": "10m"})
        self.assertEqual(self.juju.model_config()["update-status-hook-interval"], "10m")
        self.juju.model_config(reset="update-status-hook-interval")
        self.assertEqual(self.juju.model_config()["update-status-hook-interval"], "5m")

    def test_model_and_version(self):
        info = self.juju.show_model()
        self.assertEqual((info.short_name, info.model_type, info.life), ("probe", "caas", "alive"))
        self.assertEqual(info.agent_version, "3.6.8")
        self.assertGreaterEqual(self.juju.version().tuple, (3, 6, 0))
        models = json.loads(self.juju.cli("models", "--format", "json", include_model=False))
        self.assertIn("probe", [model["short-name"] for model in models["models"]])

    def test_debug_log(self):
        for unit in ["one/0", "two/0"]:
            self.juju.exec("juju-log hello; juju-log again", unit=unit)
        log = self.juju.debug_log(limit=0)
        self.assertIn("unit-one-0: ", log)
        self.assertEqual(len(self.juju.debug_log(limit=3).splitlines()), 3)
        only = self.juju.cli("debug-log", "--replay", "--no-tail", "--include", "two/0")
        self.assertEqual({line.split(":")[0] for line in only.splitlines()}, {"unit-two-0"})

    def test_wait_for(self):
        def wait_for(*arguments):
            return self.juju.cli("wait-for", *arguments, "--model", "probe", include_model=False)

        wait_for("application", "one", "--timeout", "20s")
        query = 'forEach(units, unit => unit.workload-status == "active") && len(units) == 2'
        shown = wait_for("application", "one", "--query", query)
        self.assertIn("properties:", shown)
        with self.refused("timed out"):
            wait_for("unit", "two/0", "--query", 'life=="dead"', "--timeout", "300ms")
        with self.refused("invalid identifier"):
            wait_for("unit", "two/0", "--query", "nope == 1")

    def test_waiting_in_vain(self):
        with self.assertRaises(TimeoutError):
            self.juju.wait(jubilant.all_blocked, delay=0.1, timeout=0.5)
        self.juju.config("two", {"blocked": True})
        with self.assertRaises(jubilant.WaitError):
            self.juju.wait(
                lambda status: False, error=jubilant.any_blocked, delay=0.1, timeout=30
            )
        self.juju.config("two", reset="blocked")
        self.settle()

    def test_commands(self):
        task = self.juju.exec("echo $JUJU_UNIT_NAME; is-leader >&2", unit="one/0")
        self.assertEqual((task.stdout, task.return_code), ("one/0\n", 0))
        self.assertIn(task.stderr.splitlines()[-1], ["True", "False"])
        self.assertEqual(self.juju.exec("echo", "a b", unit="one/leader").stdout, "a b\n")
        with self.assertRaises(jubilant.TaskError) as caught:
            self.juju.exec("exit 4", unit="one/0")
        self.assertEqual(caught.exception.task.return_code, 4)

    def test_applications(self):
        shown = json.loads(self.juju.cli("show-application", "one", "--format", "json"))
        self.assertEqual(shown["one"]["charm"], "probe")
        bundle = self.juju.cli("export-bundle")
        self.assertIn("bundle: kubernetes", bundle)
        self.assertIn("one:ask", bundle)

    def test_what_is_refused(self):
        with self.refused("ERROR"):
            self.juju.integrate("one", "nobody")
        with self.refused("already exists"):
            self.juju.deploy(PROBE, "one")
        with self.refused("ERROR"):
            self.juju.deploy("./there-is-no-such-charm")
        usage = subprocess.run([BINARY, "stattus"], capture_output=True, text=True, timeout=60)
        self.assertEqual(usage.returncode, 2)

    def test_status_is_quick(self):
        # A client asks every second, often with several models: the command must be no burden.
        command = [BINARY, "status", "--format", "json", "--model", "probe"]
        best = min(self.seconds(command) for _ in range(10))
        self.assertLess(best, 0.2)

    @staticmethod
    def seconds(command):
        import time

        start = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return time.monotonic() - start


class ScaleTest(ModelTest):
    model = "scale"

    @classmethod
    def deploy(cls):
        cls.juju.deploy(PROBE)
        cls.settle()

    def test_units_come_and_go(self):
        self.juju.add_unit("probe", num_units=2)
        self.settle(lambda status: len(status.apps["probe"].units) == 3
                    and jubilant.all_active(status))
        self.juju.remove_unit("probe", num_units=2)
        self.settle(lambda status: list(status.apps["probe"].units) == ["probe/0"])
        self.juju.cli("scale-application", "probe", "2")
        self.settle(lambda status: len(status.apps["probe"].units) == 2
                    and jubilant.all_active(status))

    def test_a_failing_hook_is_an_error_until_it_is_resolved(self):
        self.juju.deploy(PROBE, "frail", config={"broken": True})
        with self.assertRaises(jubilant.WaitError):
            self.settle(lambda status: False)
        status = self.juju.status().apps["frail"].units["frail/0"].workload_status
        self.assertEqual((status.current, status.message),
                         ("error", 'hook failed: "config-changed"'))
        self.juju.config("frail", {"broken": False})
        self.juju.cli("resolved", "frail/0")
        self.settle(error=None)
        self.juju.remove_application("frail", force=True)
        self.settle(lambda status: "frail" not in status.apps)

    def test_relations_come_and_go(self):
        self.juju.deploy(PROBE, "other")
        self.juju.integrate("probe:ask", "other:answer")
        self.settle(lambda status: "ask" in status.apps["probe"].relations
                    and jubilant.all_active(status))
        self.juju.remove_relation("probe:ask", "other:answer")
        self.settle(lambda status: "ask" not in status.apps["probe"].relations)
        self.juju.remove_application("other")
        self.settle(lambda status: "other" not in status.apps)


if __name__ == "__main__":
    unittest.main()
