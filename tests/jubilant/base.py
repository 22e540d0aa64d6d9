"""What the tests with jubilant share: the binary, and models of their own."""

import contextlib
import os
import pathlib
import unittest

import jubilant

BINARY = os.environ["RELATION_BUS"]
HERE = pathlib.Path(__file__).resolve().parent
WORKSPACE = HERE.parent.parent
PROBE = HERE / "probe"


class ModelTest(unittest.TestCase):
    """Tests over one model, which is made before the first of them and destroyed after the last."""

    model = "test"
    juju: jubilant.Juju

    @classmethod
    def setUpClass(cls):
        cls.juju = jubilant.Juju(cli_binary=BINARY, wait_timeout=120)
        cls.juju.add_model(cls.model)
        cls.deploy()

    @classmethod
    def deploy(cls):
        """Brings the model into the state that the tests begin with."""

    @classmethod
    def tearDownClass(cls):
        cls.juju.destroy_model(cls.model, destroy_storage=True, force=True)

    @classmethod
    def settle(cls, ready=jubilant.all_active, error=jubilant.any_error, **options):
        """Waits until the model is ready: seen twice, looked at five times a second."""
        options = {"delay": 0.2, "successes": 2, **options}
        return cls.juju.wait(ready, error=error, **options)

    def comes_to_hold(self, check):
        """Waits until a check of what the model holds passes: units that are active may still be
        about to hear of a relation."""
        def holds(_):
            try:
                check()
            except (AssertionError, KeyError, TypeError):
                return False
            return True

        try:
            self.juju.wait(holds, error=jubilant.any_error, delay=0.2, successes=1, timeout=60)
        except TimeoutError:
            check()
            raise

    @contextlib.contextmanager
    def refused(self, *texts):
        """The command inside must fail, and say this."""
        with self.assertRaises(jubilant.CLIError) as caught:
            yield
        self.assertEqual(caught.exception.returncode, 1, str(caught.exception))
        for text in texts:
            self.assertIn(text, caught.exception.stderr)
