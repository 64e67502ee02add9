"""Runs every command of packaging/ci as the runners of GitHub and GitLab would, against api.py.

TCPTUNE_UNDER_TEST is the binary; it is what the files download.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

from api import Api
from formats import annotations, page

CI = pathlib.Path(__file__).resolve().parents[2] / "packaging/ci"
BINARY = pathlib.Path(os.environ["TCPTUNE_UNDER_TEST"]).resolve()
GOOD = "[profile]\ndescription = 'web'\n\n[tcp]\nsynack_retries = { value = 3, why = 'tests' }\n"
BAD = "[profile]\ndescription = 'web'\n\n[tcp]\nsynack_retries = 010\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.work)
        self.repo = self.work / "repo"
        for directory in ("profiles", "snapshots", "ci"):
            (self.repo / directory).mkdir(parents=True)
        shutil.copy(CI / "comment", self.repo / "ci/comment")
        self.profile(GOOD)
        for host in ("web-1", "web-2"):
            with open(self.repo / f"snapshots/{host}.json", "w") as file:
                subprocess.run([BINARY, "snapshot"], stdout=file, check=True)
        self.api = Api()
        self.api.files["/files/tcptune"] = BINARY.read_bytes()
        self.enterContext(self.api)
        # What the head of the file asks its reader to fill in.
        self.own = {
            "PROFILE": "profiles/web.toml",
            "TCPTUNE_URL": f"{self.api.url}/files/tcptune",
            "TCPTUNE_SHA256": hashlib.sha256(BINARY.read_bytes()).hexdigest(),
        }

    def profile(self, text):
        (self.repo / "profiles/web.toml").write_text(text)
        git = ["git", "-C", self.repo, "-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "profile"], check=True)

    def bash(self, script, env):
        """As both runners do: stop at the first failure, also within a pipe."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        ran = subprocess.run(command, cwd=self.repo, env=env, capture_output=True, text=True)
        self.log += ran.stdout + ran.stderr
        return ran

    def crowd(self):
        """Comments of others, more than one page of them."""
        for number in range(120):
            self.api.add("somebody", f"comment {number}")


class GitHub(Case):
    def run_workflow(self, event="pull_request", fork=False):
        """The exit status of each step that ran, by its name."""
        workflow = yaml.safe_load((CI / "github-workflow.yml").read_text())
        job = workflow["jobs"]["review"]
        context = {
            "github.event_name": event,
            "github.repository": "acme/fleet",
            "github.ref": "refs/pull/7/merge",
            "github.token": "read-only" if fork else self.api.token,
            "github.event.pull_request.number": 7 if event == "pull_request" else None,
            "github.event.pull_request.head.repo.full_name": "fork/fleet" if fork else "acme/fleet",
        }
        runner = self.work / "runner"
        shutil.rmtree(runner, ignore_errors=True)
        runner.mkdir()
        for name in ("path", "summary"):
            (runner / name).touch()
        head = subprocess.check_output(["git", "-C", self.repo, "rev-parse", "HEAD"], text=True).strip()
        env = {
            "PATH": os.environ["PATH"],
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.api.url,
            "GITHUB_REPOSITORY": "acme/fleet",
            "GITHUB_SHA": head,
            "GITHUB_REF": "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main",
            "GITHUB_PATH": str(runner / "path"),
            "GITHUB_STEP_SUMMARY": str(runner / "summary"),
            "RUNNER_TEMP": str(runner),
        }

        def fill(values):
            for name, value in values.items():
                env[name] = re.sub(r"\$\{\{ (.*) \}\}", lambda match: shown(evaluate(match[1])), value)
                context[f"env.{name}"] = env[name]

        def shown(value):
            return str(value).lower() if isinstance(value, bool) else str(value)

        def evaluate(expression):
            """The few operators that the file uses are those of Python, spelled differently."""
            python = re.sub(r"[a-z]+(?:\.\w+)+", lambda name: repr(context[name[0]]), expression)
            python = python.replace("&&", "and").replace("||", "or").replace("!cancelled()", "True")
            return eval(python, {"__builtins__": {}})

        self.log = ""
        fill(workflow["env"] | self.own)
        fill(job["env"])
        ran = {}
        for step in job["steps"]:
            if "uses" in step:
                self.assertTrue(step["uses"].startswith("actions/checkout@"))
                continue
            condition = str(step.get("if", "True")).removeprefix("${{ ").removesuffix(" }}")
            if any(ran.values()) and "cancelled()" not in condition:
                continue
            if not evaluate(condition):
                continue
            fill(step.get("env", {}))
            added = (runner / "path").read_text().split()
            done = self.bash(step["run"], env | {"PATH": ":".join([*added, env["PATH"]])})
            ran[step["name"]] = done.returncode
            if step["name"] == "Check the profiles":
                self.annotations = annotations(done.stdout)
        self.summary = (runner / "summary").read_text()
        return ran

    STEPS = [
        "Install tcptune",
        "Check the profiles",
        "Upload to code scanning",
        "Diff against the hosts",
        "Comment on the pull request",
    ]

    def test_creates_a_comment_then_replaces_it(self):
        self.crowd()
        others = len(self.api.comments)
        self.assertEqual(self.run_workflow(), dict.fromkeys(self.STEPS, 0), self.log)
        self.assertEqual(len(self.api.comments), others + 1)
        first = self.api.comments[-1]["body"]
        page(first, "diff")
        self.assertEqual(first, self.summary)
        self.assertEqual(self.annotations, [])
        self.assertEqual(self.api.analyses[-1]["runs"][0]["results"], [])

        self.crowd()
        self.profile(GOOD.replace("= 3", "= 2"))
        self.assertEqual(self.run_workflow(), dict.fromkeys(self.STEPS, 0), self.log)
        second = [body for body in self.api.of_bot() if body.startswith("<!-- tcptune diff")]
        self.assertEqual(len(second), 1)
        page(second[0], "diff")
        self.assertNotEqual(first, second[0])

    def test_a_problem_fails_the_job_at_its_line(self):
        self.profile(BAD)
        expected = {"Install tcptune": 0, "Check the profiles": 1, "Upload to code scanning": 0}
        self.assertEqual(self.run_workflow(), expected, self.log)
        self.assertEqual([found[:3] for found in self.annotations], [("error", "profiles/web.toml", "5")])
        self.assertEqual(len(self.api.analyses[-1]["runs"][0]["results"]), 1)

    def test_a_fork_gets_a_summary_and_writes_nothing(self):
        expected = dict.fromkeys(["Install tcptune", "Check the profiles", "Diff against the hosts"], 0)
        self.assertEqual(self.run_workflow(fork=True), expected, self.log)
        page(self.summary, "diff")
        self.assertEqual((self.api.comments, self.api.analyses), ([], []))

    def test_a_push_goes_to_code_scanning(self):
        expected = dict.fromkeys(["Install tcptune", "Check the profiles", "Upload to code scanning"], 0)
        self.assertEqual(self.run_workflow(event="push"), expected, self.log)
        self.assertEqual(len(self.api.analyses), 1)

    def test_a_binary_with_another_hash_never_runs(self):
        self.own["TCPTUNE_SHA256"] = "0" * 64
        ran = self.run_workflow()
        self.assertNotEqual(ran["Install tcptune"], 0)
        self.assertNotIn("Check the profiles", ran)

    def test_a_wrong_request_fails_the_job(self):
        for snapshot in (self.repo / "snapshots").iterdir():
            snapshot.unlink()
        ran = self.run_workflow()
        self.assertNotEqual(ran["Diff against the hosts"], 0)
        self.assertEqual(self.api.comments, [])


class GitLab(Case):
    def setUp(self):
        super().setUp()
        self.api.bot = "project_42_bot"
        self.api.limit = 1000000

    def run_job(self, fork=False):
        job = yaml.safe_load((CI / "gitlab-ci.yml").read_text())["tcptune"]
        env = job["variables"] | self.own
        env |= {
            "PATH": os.environ["PATH"],
            "CI_API_V4_URL": f"{self.api.url}/api/v4",
            "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "7",
        }
        if not fork:
            env["TCPTUNE_TOKEN"] = self.api.token
        self.log = ""
        ran = self.bash("\n".join(job["before_script"] + job["script"]), env)
        self.problems = json.loads((self.repo / job["artifacts"]["reports"]["codequality"]).read_text())
        return ran.returncode

    def test_creates_a_comment_then_replaces_it(self):
        self.crowd()
        others = len(self.api.comments)
        self.assertEqual(self.run_job(), 0, self.log)
        self.assertEqual(len(self.api.comments), others + 1)
        first = self.api.comments[-1]["body"]
        page(first, "diff")
        self.assertEqual(self.problems, [])

        self.crowd()
        self.profile(GOOD.replace("= 3", "= 2"))
        self.assertEqual(self.run_job(), 0, self.log)
        second = [body for body in self.api.of_bot() if body.startswith("<!-- tcptune diff")]
        self.assertEqual(len(second), 1)
        self.assertNotEqual(first, second[0])

    def test_a_problem_fails_the_job_at_its_line(self):
        self.profile(BAD)
        self.assertEqual(self.run_job(), 1, self.log)
        (problem,) = self.problems
        self.assertEqual(set(problem), {"description", "check_name", "fingerprint", "severity", "location"})
        self.assertEqual(problem["severity"], "major")
        self.assertEqual(problem["location"], {"path": "profiles/web.toml", "lines": {"begin": 5}})
        self.assertEqual(self.api.comments, [])

    def test_a_wrong_request_fails_the_job(self):
        for snapshot in (self.repo / "snapshots").iterdir():
            snapshot.unlink()
        self.assertNotEqual(self.run_job(), 0)
        self.assertEqual(self.api.comments, [])

    def test_a_fork_has_no_token_and_writes_nothing(self):
        self.assertEqual(self.run_job(fork=True), 0, self.log)
        self.assertIn("<!-- tcptune diff", self.log)
        self.assertEqual(self.api.comments, [])


class Comment(Case):
    """The script alone, where the two runners have nothing to add."""

    def comment(self, text, token="right"):
        (self.repo / "report.md").write_text(text)
        env = {
            "PATH": os.environ["PATH"],
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.api.url,
            "GITHUB_REPOSITORY": "acme/fleet",
            "GITHUB_TOKEN": token,
            "PULL_REQUEST": "7",
        }
        self.log = ""
        return self.bash("ci/comment report.md", env).returncode

    def test_says_everything_as_it_is(self):
        text = "<!-- tcptune diff -->\n\"quotes\" \\ `x`\t| § é 漢 $(id) 'y'\n\n"
        self.assertEqual(self.comment(text), 0, self.log)
        self.assertEqual(self.api.of_bot(), [text])

    def test_keeps_what_is_too_long_out_of_the_comment(self):
        self.assertEqual(self.comment("<!-- tcptune diff -->\n" + "x" * 70000), 0, self.log)
        (body,) = self.api.of_bot()
        self.assertTrue(body.startswith("<!-- tcptune diff -->\nThe report of tcptune is too long"))

    def test_tells_reports_apart(self):
        for text in ("<!-- tcptune diff a -->\n1", "<!-- tcptune diff b -->\n1", "<!-- tcptune diff a -->\n2"):
            self.assertEqual(self.comment(text), 0, self.log)
        self.assertEqual(self.api.of_bot(), ["<!-- tcptune diff a -->\n2", "<!-- tcptune diff b -->\n1"])

    def test_leaves_what_others_wrote(self):
        theirs = ["<!-- tcptune diff -->\nI only quote it", "the bot quotes:\n<!-- tcptune diff -->"]
        self.api.add("somebody", theirs[0])
        self.api.add(self.api.bot, theirs[1])
        self.assertEqual(self.comment("<!-- tcptune diff -->\n1"), 0, self.log)
        self.assertEqual([comment["body"] for comment in self.api.comments], [*theirs, "<!-- tcptune diff -->\n1"])

    def test_refuses_what_is_no_report(self):
        for text in ("", "hello\n", "<!-- other -->\n"):
            self.assertEqual(self.comment(text), 2, self.log)

    def test_fails_when_the_api_does(self):
        self.assertNotEqual(self.comment("<!-- tcptune diff -->\n1", token="wrong"), 0)
        self.assertIn("401", self.log)
        self.assertEqual(self.api.comments, [])


if __name__ == "__main__":
    unittest.main()
