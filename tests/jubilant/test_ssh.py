"""Commands and files in the containers of a unit, and a .charm file that goes away."""

import pathlib
import subprocess
import tempfile
import unittest
import zipfile

import jubilant

from base import BINARY, ModelTest

FILES = {
    "metadata.yaml": "name: reached\nsummary: s\ndescription: d\ncontainers: {app: {}}\n",
    "manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
    "dispatch": "#!/bin/sh\nstatus-set active\n",
}


def pack(path):
    with zipfile.ZipFile(path, "w") as charm:
        for name, text in FILES.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if name == "dispatch" else 0o100644) << 16
            charm.writestr(entry, text)


class SshTest(ModelTest):
    model = "ssh"

    @classmethod
    def deploy(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="rb"))
        cls.addClassCleanup(subprocess.run, ["rm", "-r", cls.folder], check=True)
        charm = cls.folder / "reached.charm"
        pack(charm)
        cls.juju.deploy(charm)
        cls.settle()
        charm.unlink()

    def failed(self, *arguments, **options):
        with self.assertRaises(jubilant.CLIError) as caught:
            self.juju.ssh(*arguments, **options)
        return caught.exception

    def test_a_command_in_the_charm_container(self):
        ssh = self.juju.ssh
        self.assertEqual(ssh("reached/0", "echo $JUJU_UNIT_NAME"), "reached/0\n")
        self.assertEqual(ssh("reached/leader", "echo", "a", "b"), "a b\n")
        self.assertEqual(ssh("reached/0", "cat var/lib/juju/agents/*/charm/metadata.yaml"),
                         FILES["metadata.yaml"])
        options = {"host_key_checks": False, "ssh_options": ["-i", "key", "-t"], "user": "me"}
        self.assertEqual(ssh("reached/0", "echo hi", container="charm", **options), "hi\n")
        failure = self.failed("reached/0", "echo no >&2; exit 7")
        self.assertEqual((failure.returncode, failure.stderr), (7, "no\n"))
        self.assertEqual(self.failed("reached/0", "kill -9 $$").returncode, 137)

    def test_a_command_in_a_workload_container(self):
        self.assertEqual(self.juju.ssh("reached/0", "update-ca-certificates", container="app"), "")
        failure = self.failed("reached/0", "nope --at all", container="app")
        self.assertEqual((failure.returncode, failure.stderr),
                         (127, 'cannot find executable "nope"\n'))

    def test_what_is_refused(self):
        with self.refused('ERROR container "web" must be one of charm, app'):
            self.juju.ssh("reached/0", "true", container="web")
        with self.refused('ERROR unit "reached/9" not found'):
            self.juju.ssh("reached/9", "true")
        with self.refused("ERROR machine 0 not found"):
            self.juju.ssh(0, "true")
        with self.refused("nothing"):
            self.juju.scp("reached/0:/nothing", self.folder / "x")

    def test_files_go_to_containers_and_come_back(self):
        scp = self.juju.scp
        sent, back = self.folder / "sent", self.folder / "back"
        sent.write_bytes(b"\x00\xff text\n")
        for container, folder in [(None, "/tmp-of-unit"), ("app", "/opt")]:
            if container is None:
                self.juju.ssh("reached/0", "mkdir -p tmp-of-unit")
            scp(sent, f"reached/0:{folder}", container=container)
            scp(f"reached/0:{folder}/sent", back, container=container)
            self.assertEqual(back.read_bytes(), sent.read_bytes())
        tree = self.folder / "tree"
        (tree / "inner").mkdir(parents=True)
        (tree / "inner" / "file").write_text("deep")
        scp(tree, "reached/0:/srv/tree", container="app", scp_options=["-r", "-C"])
        scp("reached/0:/srv/tree", self.folder / "copy", container="app")
        self.assertEqual((self.folder / "copy" / "inner" / "file").read_text(), "deep")

    def test_a_charm_file_may_go_away(self):
        subprocess.run([BINARY, "stop"], check=True, timeout=60, capture_output=True)
        self.juju.add_unit("reached")
        self.settle(lambda status: len(status.apps["reached"].units) == 2
                    and jubilant.all_active(status))


if __name__ == "__main__":
    unittest.main()
