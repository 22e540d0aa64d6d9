"""Secrets of users: made, granted, read by a charm, changed, removed."""

import unittest

import jubilant

from base import PROBE, ModelTest


class SecretsTest(ModelTest):
    model = "secrets"

    @classmethod
    def deploy(cls):
        cls.juju.deploy(PROBE)
        cls.settle()

    def test_a_secret_lives_through_jubilants_calls(self):
        juju = self.juju
        uri = juju.add_secret("token", {"token": "abc"}, info="for the probe")
        [secret] = juju.secrets()
        self.assertEqual(secret.uri.unique_identifier, uri.unique_identifier)
        self.assertEqual((secret.name, secret.owner, secret.revision), ("token", "<model>", 1))
        self.assertEqual(secret.description, "for the probe")
        self.assertEqual(juju.show_secret("token", reveal=True).content, {"token": "abc"})

        juju.grant_secret("token", "probe")
        juju.config("probe", {"token": uri})
        self.settle()
        self.assertEqual(juju.config("probe")["token"], uri)
        self.assertEqual(juju.run("probe/0", "tell-token").results, {"length": "3"})
        access = juju.show_secret(uri).access
        self.assertEqual([(entry.target, entry.role) for entry in access],
                         [("application-probe", "view")])

        juju.update_secret("token", {"token": "longer"})
        self.settle()
        self.assertEqual(juju.run("probe/0", "tell-token").results, {"length": "6"})
        shown = juju.show_secret("token", revisions=True)
        self.assertEqual([revision.revision for revision in shown.revisions], [1, 2])
        self.assertEqual(juju.show_secret("token", reveal=True, revision=1).content,
                         {"token": "abc"})

        juju.config("probe", reset="token")
        juju.remove_secret("token")
        self.assertEqual(juju.secrets(), [])
        with self.refused("not found"):
            juju.show_secret("token")


if __name__ == "__main__":
    unittest.main()
