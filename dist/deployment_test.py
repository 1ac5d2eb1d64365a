"""Tests of what is shipped beside the programs: units of systemd, the compose file, the manifests for Kubernetes.

Run by `make lint`, with PyYAML and systemd's own judge of units: python -m unittest dist/deployment_test.py
"""

import copy
import importlib.machinery
import importlib.util
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

DIST = Path(__file__).resolve().parent
UNITS = DIST / "systemd"
SERVICES = sorted(unit.name for unit in UNITS.glob("*.service"))
# In tenths, of 100: 0 is no exposure.
MOST_EXPOSURE = 15
SYSTEM_UNITS = Path("/usr/lib/systemd/system")

loader = importlib.machinery.SourceFileLoader("check", str(DIST / "kustomize" / "check"))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
loader.exec_module(check)


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


class Units(unittest.TestCase):
    def test_services_expose_little(self):
        for service in SERVICES:
            judged = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(UNITS / service))
            self.assertEqual(judged.returncode, 0, judged.stdout)

    def test_the_judge_refuses_a_service_with_one_protection_less(self):
        with tempfile.TemporaryDirectory() as directory:
            weaker = Path(directory) / SERVICES[0]
            weaker.write_text((UNITS / SERVICES[0]).read_text().replace("CapabilityBoundingSet=\n", ""))
            judged = run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(weaker))
            self.assertNotEqual(judged.returncode, 0, judged.stdout)

    def test_units_are_understood_whole(self):
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            shutil.copytree(SYSTEM_UNITS, root / "usr/lib/systemd/system", symlinks=True)
            for unit in UNITS.iterdir():
                shutil.copy(unit, root / "usr/lib/systemd/system")
            for program in ("usr/bin/lychgate-control", "usr/bin/lychgate-edge", "usr/lib/lychgate/backup", "usr/bin/kill"):
                (root / program).parent.mkdir(parents=True, exist_ok=True)
                (root / program).write_text("#!/bin/sh\n")
                (root / program).chmod(0o755)
            (root / "bin").symlink_to("usr/bin")
            names = sorted(unit.name for unit in UNITS.iterdir())
            verified = run("systemd-analyze", "verify", "--man=no", f"--root={root}", *names)
            self.assertEqual((verified.returncode, verified.stdout), (0, ""))


class Compose(unittest.TestCase):
    def test_services_have_no_privilege_and_a_health_check(self):
        compose = yaml.safe_load((DIST / "compose" / "compose.yaml").read_text())
        for name, service in compose["services"].items():
            with self.subTest(name):
                self.assertEqual(service["user"], "65532:65532")
                self.assertTrue(service["read_only"])
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertEqual(service["healthcheck"]["test"][:3], ["CMD", "lychgate", "health"])
                self.assertNotIn("privileged", service)
                self.assertNotIn("environment", service)
                self.assertTrue(all(port.startswith("127.0.0.1:") for port in service.get("ports", [])))
                self.assertLessEqual(set(service["secrets"]), set(compose["secrets"]))
                self.assertLessEqual(set(service["networks"]), set(compose["networks"]))
        self.assertTrue(compose["networks"]["inside"]["internal"])


def rendered(folder: Path) -> list[dict]:
    """The documents of an overlay: its resources, with the names of its images. Enough for the files here."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    documents = []
    for resource in kustomization["resources"]:
        path = folder / resource
        documents += rendered(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            for image in kustomization.get("images", []):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}@{image['digest']}"
    return documents


def filled_in(documents: list[dict]) -> list[dict]:
    """As an operator leaves them: no placeholder and a digest."""
    text = yaml.safe_dump_all(documents).replace("sha256:" + "0" * 64, "sha256:" + "a1" * 32)
    for placeholder, value in (("REPLACE", "Notes"), ("example.com", "notes.test"), ("192.0.2.0/24", "10.1.0.0/16")):
        text = text.replace(placeholder, value)
    return list(yaml.safe_load_all(text))


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.shipped = rendered(DIST / "kustomize" / "production")
        self.documents = filled_in(self.shipped)

    def weaknesses(self, kind: str, name: str, change) -> list[str]:
        documents = copy.deepcopy(self.documents)
        [document] = [found for found in documents if (found["kind"], found["metadata"]["name"]) == (kind, name)]
        if change is None:
            documents.remove(document)
        else:
            change(document)
        return list(check.weaknesses(documents))

    def test_the_overlay_is_refused_until_its_placeholders_are_replaced(self):
        problems = list(check.weaknesses(self.shipped))
        self.assertEqual(len(problems), 4, problems)
        self.assertTrue(all("is left" in problem or "by its digest" in problem for problem in problems), problems)
        self.assertEqual(list(check.weaknesses(self.documents)), [])

    def test_the_base_alone_is_refused(self):
        self.assertNotEqual(list(check.weaknesses(rendered(DIST / "kustomize" / "base"))), [])

    def test_every_weaker_pod_is_refused(self):
        def pod(key, value):
            return lambda document: document["spec"]["template"]["spec"].__setitem__(key, value)

        def container(key, value):
            return lambda document: document["spec"]["template"]["spec"]["containers"][0].__setitem__(key, value)

        def security(key, value):
            return lambda document: document["spec"]["template"]["spec"]["containers"][0]["securityContext"].__setitem__(key, value)

        def no_readiness_probe(document):
            del document["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]

        def secret_mode(document):
            del document["spec"]["template"]["spec"]["volumes"][1]["secret"]["defaultMode"]

        changes = [
            lambda document: document["spec"].__setitem__("replicas", 1),
            pod("automountServiceAccountToken", True),
            pod("hostNetwork", True),
            pod("hostPID", True),
            pod("hostIPC", True),
            no_readiness_probe,
            pod("securityContext", {}),
            pod("volumes", [{"name": "host", "hostPath": {"path": "/"}}]),
            secret_mode,
            container("image", "registry.test/lychgate:latest"),
            container("resources", {}),
            container("env", [{"name": "A", "value": "b"}]),
            security("readOnlyRootFilesystem", False),
            security("allowPrivilegeEscalation", True),
            security("capabilities", {"drop": ["NET_RAW"]}),
            security("capabilities", {"drop": ["ALL"], "add": ["NET_ADMIN"]}),
            security("privileged", True),
        ]
        for number, change in enumerate(changes):
            with self.subTest(number):
                for name in ("lychgate-control", "lychgate-edge"):
                    self.assertEqual(len(self.weaknesses("Deployment", name, change)), 1)

    def test_a_secret_among_the_manifests_is_refused(self):
        secret = {"kind": "Secret", "metadata": {"name": "master-key"}, "data": {}}
        self.assertEqual(len(list(check.weaknesses([*self.documents, secret]))), 1)

    def test_every_weaker_configuration_is_refused(self):
        def line(file, before, after):
            def change(document):
                self.assertIn(before, document["data"][file])
                document["data"][file] = document["data"][file].replace(before, after)

            return change

        for before, after in [
            ('client_certificates = "required"', 'client_certificates = "optional"'),
            ('engine = "postgres"', 'engine = "memory"'),
            ("[tls]", "allow_single = true\n[tls]"),
            ("[[principals]]", '[outbound]\npermitted_addresses = ["127.0.0.1:1"]\n[[principals]]'),
            ("certificate_sans", 'token_sha256 = ["00"]\ncertificate_sans'),
            ("https://gate", "http://gate"),
            ('id = "main"', 'id = "main"\nprompt = { mode = "silent" }'),
            ("[issuers.entry]\nclaims", "[issuers.other]\nclaims"),
        ]:
            with self.subTest(after):
                problems = self.weaknesses("ConfigMap", "lychgate-control", line("control.toml", before, after))
                self.assertEqual(len(problems), 1, problems)
        for before, after in [("https://", "http://"), ("cert_file", "#cert_file"), ("trusted_proxies", "#trusted_proxies")]:
            with self.subTest(after):
                problems = self.weaknesses("ConfigMap", "lychgate-edge", line("edge.toml", before, after))
                self.assertEqual(len(problems), 1, problems)

    def test_what_protects_the_others_may_not_be_missing(self):
        for kind, name in [
            ("Namespace", "lychgate"),
            ("NetworkPolicy", "lychgate-control"),
            ("PodDisruptionBudget", "lychgate-edge"),
            ("ValidatingAdmissionPolicyBinding", "lychgate-pods"),
            ("ConfigMap", "lychgate-edge"),
        ]:
            with self.subTest(kind):
                self.assertEqual(len(self.weaknesses(kind, name, None)), 1)


if __name__ == "__main__":
    unittest.main()
