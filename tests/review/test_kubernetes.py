"""What `show --output kubernetes` prints, put into manifests, and held against the schemas of Kubernetes, offline.

TCPTUNE_UNDER_TEST is the binary.
"""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import textwrap
import unittest

import kubernetes_validate
import yaml

BINARY = pathlib.Path(os.environ["TCPTUNE_UNDER_TEST"]).resolve()
VERSIONS = ["1.25", kubernetes_validate.latest_version()]
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"
DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n"
    "  template:\n    metadata: {labels: {app: web}}\n    spec:\n"
)
CONTAINERS = "containers: [{name: web, image: web}]\n"
KINDS = {"Pod": (POD, 2), "Deployment": (DEPLOYMENT, 6)}
HOSTILE = r"""
[profile]
description = "x"
[tcp]
somaxconn = { at_least = 16384, why = "a: b # c - name: d\u2028\ufeff\uffff \U0001f600 {{ d }} 'e' \"f\" \\" }
keepalive_time = 600
netdev_max_backlog = 5000
rto_max_ms = { value = 5000, optional = true, why = "- x" }
ip_local_reserved_ports = ""
[sysctl]
"kernel.shm_rmid_forced" = 1
"kernel.sem" = [250, 32000, 32, 128]
"net.ipv4.x1" = 'on: "yes" # \ {a} & *b ! | > %'
"net.ipv4.x2" = "yes"
"net.ipv4.x3" = "~"
"net/ipv4/conf/eth0.100/rp_filter" = 1
"""
# As the kubelet knows them; see src/model/kubernetes.rs.
SAFE = {"net.ipv4.tcp_syncookies", "net.ipv4.tcp_keepalive_time", "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle",
        "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "kernel.shm_rmid_forced"}


def tcptune(*words):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, check=True).stdout


def manifest(kind, fragment):
    head, indent = KINDS[kind]
    return yaml.safe_load(head + textwrap.indent(CONTAINERS + fragment, " " * indent))


class Kubernetes(unittest.TestCase):
    def holds(self, fragment):
        """The sysctls of a fragment that is right, by name."""
        for kind in KINDS:
            for version in VERSIONS:
                with self.subTest(kind=kind, version=version):
                    kubernetes_validate.validate(manifest(kind, fragment), version, strict=True)
        # Nothing is there where all of them are comments.
        sysctls = yaml.safe_load(fragment)["securityContext"]["sysctls"] or []
        names = [one["name"] for one in sysctls]
        self.assertEqual(len(set(names)), len(names))
        allowed = re.findall(r"^#   --allowed-unsafe-sysctls=(.*)$", fragment, re.MULTILINE)
        allowed = [name for names in allowed for name in names.split(",")]
        self.assertEqual(allowed, [name for name in names if name not in SAFE])
        listed = re.findall(r"^#   (allowedUnsafeSysctls: .*)$", fragment, re.MULTILINE)
        self.assertEqual(allowed, yaml.safe_load(listed[0])["allowedUnsafeSysctls"] if listed else [])
        return {one["name"]: one["value"] for one in sysctls}

    def test_built_in_profiles(self):
        profiles = json.loads(tcptune("list", "--json"))["profiles"]
        built_in = [profile["name"] for profile in profiles if not profile["file"].startswith("/")]
        self.assertGreaterEqual(len(built_in), 6)
        for name in built_in:
            with self.subTest(name):
                fragment = tcptune("show", name, "--output", "kubernetes")
                self.holds(fragment)
                # What was computed from this kernel may be absent from another, so that all of it is optional.
                self.assertIn("- name: net.", fragment)
                self.assertEqual(fragment, tcptune("show", name, "--output", "kubernetes"))

    def test_hostile_profile(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(HOSTILE)
            file.flush()
            fragment = tcptune("show", file.name, "--output", "kubernetes")
        self.assertEqual(self.holds(fragment), {
            "kernel.sem": "250 32000 32 128",
            "kernel.shm_rmid_forced": "1",
            "net.core.somaxconn": "16384",
            "net.ipv4.ip_local_reserved_ports": "",
            "net.ipv4.tcp_keepalive_time": "600",
            "net.ipv4.x1": 'on: "yes" # \\ {a} & *b ! | > %',
            "net.ipv4.x2": "yes",
            "net.ipv4.x3": "~",
        })
        # What was left out as a comment is right once somebody takes it in.
        taken = re.sub(r"^    # (- name|  value):", r"    \1:", fragment, flags=re.MULTILINE)
        self.assertEqual(yaml.safe_load(taken)["securityContext"]["sysctls"][-4],
                         {"name": "net.ipv4.tcp_rto_max_ms", "value": "5000"})

    def test_wrong_fragments_are_refused(self):
        right = 'securityContext:\n  sysctls:\n    - name: net.core.somaxconn\n      value: "16384"\n'
        self.holds("#   --allowed-unsafe-sysctls=net.core.somaxconn\n"
                   "#   allowedUnsafeSysctls: [net.core.somaxconn]\n" + right)
        wrong = [('"16384"', "16384"), ("value:", "valeu:"), ("    - name", "      name"), ("sysctls", "sysctl")]
        for old, new in wrong:
            for kind in KINDS:
                for version in VERSIONS:
                    with self.subTest(new=new, kind=kind, version=version):
                        filled = manifest(kind, right.replace(old, new))
                        with self.assertRaises(kubernetes_validate.ValidationError):
                            kubernetes_validate.validate(filled, version, strict=True)


if __name__ == "__main__":
    unittest.main()
