"""Called as `juju`, the binary is what programs look for that call it by that name."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jubilant

from base import BINARY, HERE, PROBE


class NameTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.symlink(BINARY, pathlib.Path(folder.name, "juju"))
        former = os.environ["PATH"]
        os.environ["PATH"] = f"{folder.name}:{former}"
        self.addCleanup(os.environ.__setitem__, "PATH", former)

    def test_jubilants_own_temporary_model(self):
        with jubilant.temp_model() as juju:
            self.assertEqual(juju.cli_binary, "juju")
            juju.deploy(PROBE)
            juju.wait(jubilant.all_active, error=jubilant.any_error, delay=0.2, successes=2,
                      timeout=120)
            name = juju.model
            self.assertEqual(juju.status().model.name, name)
        with self.assertRaises(jubilant.CLIError):
            jubilant.Juju(model=name).status()

    def test_juju_doctor_examines_a_model(self):
        doctor = pathlib.Path(sys.executable).with_name("juju-doctor")
        juju = jubilant.Juju()
        juju.add_model("doctor")
        self.addCleanup(juju.destroy_model, "doctor", force=True)
        juju.deploy(PROBE, "one")
        juju.deploy(PROBE, "two")
        juju.integrate("one:ask", "two:answer")
        juju.wait(jubilant.all_active, error=jubilant.any_error, delay=0.2, successes=2,
                  timeout=120)
        command = [doctor, "check", "--verbose", "--format", "json", "--model", "doctor",
                   "--probe", f"file://{HERE / 'doctor.py'}"]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        result = json.loads(checked.stdout)
        self.assertEqual((result["passed"], result["failed"]), (1, 0), result)
        for artifact in ["status", "bundle", "show_unit"]:
            self.assertIn(f"\N{HEAVY CHECK MARK}\ufe0f {artifact}", str(result))


if __name__ == "__main__":
    unittest.main()
