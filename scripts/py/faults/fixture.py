# SPDX-License-Identifier: GPL-2.0
"""The folder of scripts/fault that the tests of scripts/py/fault_report.py start from."""

import itertools
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(__file__).resolve().parent.parent / "fault_report.py"
TYPES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "cgroup": 0x2000000,
    "net": 0x40000000,
    "time": 0x80,
}
CREATABLE = list(TYPES)[1:]
CREATED = [
    *itertools.combinations_with_replacement(CREATABLE, 2),
    tuple(CREATABLE),
    ("mnt", "empty"),
]
FLAGS = TYPES | {"empty": 1 << 37}
CASES = (
    "each_type_by_nsfd",
    "each_set_by_pidfd",
    "each_type_by_nsfd_alone",
    "sets_by_pidfd_alone",
    "each_set_by_unshare",
    "at_its_limit",
)
KMEMLEAK = """\
unreferenced object 0xffff888005b3c0c0 (size 192):
  comm "fault_test", pid 1234, jiffies 4294900000
  backtrace (crc 0):
    kmem_cache_alloc_noprof+0x1/0x2
    prepare_creds+0x1/0x2
"""
TRACE = """\
# entries-in-buffer/entries-written: 5/5   #P:2
""" + "".join(
    f" fault_test-1{i}    [001] .....    14.2: setns_refused: {refusal} asked=none ns_id=0\n"
    for i, refusal in enumerate(
        (
            "reason=NO_MEMORY type=none error=12 fd_kind=pidfd",
            "reason=NO_MEMORY type=user error=12 fd_kind=pidfd",
            "reason=NO_MEMORY type=mnt error=12 fd_kind=pidfd",
            "reason=NO_UCOUNTS type=user error=22 fd_kind=namespace",
            "reason=NO_ROOT type=mnt error=12 fd_kind=namespace",
        )
    )
)
LEAK = """\
# fault_test.c:456:{case}:Expected sweep->leaked (268435456) == 0 (0)
# fault_test.c:457:{case}:set {flags:#x}: namespaces are left
"""
VICTIM = """\
# fault_test.c:717:at_its_limit:Expected status (768) == 0 (0)
# fault_test.c:718:at_its_limit:a user namespace is left
"""
OOM = """\
[  499.2] fault_test invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
[  499.2] CPU: 0 UID: 65534 PID: 14276 Comm: fault_test Not tainted 7.3.4 #2
[  499.2] Call Trace:
"""


def sweep(call, types, failures, errnos, leaked=""):
    leaked = f" {leaked}" if leaked else ""
    return f"# {call} {' '.join(types)}: {failures} failures: {errnos}, leaked:{leaked}\n"


def all_sets():
    for bits in range(1, 256):
        yield tuple(name for i, name in enumerate(TYPES) if bits & 1 << i)


def sets_alone():
    """The sets of types that callers join who do not share their nsproxy."""
    return [
        types
        for types in all_sets()
        if len(types) in {1, 8} or len(types) == 2 and {"user", "mnt"} & {*types}
    ]


class FaultReportTest(unittest.TestCase):
    """Results of scripts/fault on a kernel with the fix, in which all is as expected.

    A test breaks one thing, and looks at the exit status and at the output.
    """

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fault_report_test.")
        self.addCleanup(temporary.cleanup)
        self.results = pathlib.Path(temporary.name)
        self.options = []
        for impl, served in (("c", "4000 0"), ("rust", "0 4000"), ("both", None)):
            (self.results / impl).mkdir()
            self.write(f"{impl}/dmesg", f"[    1.0] rust_setns: tests on {impl}\n{OOM}")
            self.write(f"{impl}/kmemleak", "")
            if served:
                self.write(f"{impl}/served", f"setns:fault_test 0 {served}\n")
                self.write(f"{impl}/setns:fault_test.ktap", self.ktap(rust=impl == "rust"))
                self.write(f"{impl}/setns:fault_test.trace", TRACE)
        (self.results / "boot").mkdir()
        self.write("boot/dmesg", "[    0.0] Linux version 7.3.4\n")
        self.write("kunit.log", self.kunit())

    def ktap(self, leaks=False, victim=False, rust=False):
        self.rust = rust
        text = "TAP version 13\n1..6\n# Starting 6 tests from 2 test cases.\n"
        red = {"each_set_by_pidfd": leaks, "sets_by_pidfd_alone": leaks, "at_its_limit": victim}
        for number, case in enumerate(CASES, 1):
            name = f"{'fault' if number < 6 else 'memcg'}.{case}"
            text += f"#  RUN           {name} ...\n{getattr(self, case)(red.get(case))}"
            text += f"# {case}: Test failed\n" if red.get(case) else ""
            text += f"#          {'FAIL' if red.get(case) else '  OK'}  {name}\n"
            text += f"{'not ok' if red.get(case) else 'ok'} {number} {name}\n"
        text += f"# {'FAILED' if leaks else 'PASSED'}: 6 / 6 tests passed.\n"
        return text + "# Totals: pass:6 fail:0 xfail:0 xpass:0 skip:0 error:0\n"

    def each_type_by_nsfd(self, _):
        return "".join(
            sweep("nsfd", (name,), 2 - (self.rust and name == "user"), "ENOMEM") for name in TYPES
        )

    def each_set_by_pidfd(self, leaks):
        return self.by_pidfd("each_set_by_pidfd", "pidfd", all_sets(), leaks)

    def each_type_by_nsfd_alone(self, _):
        errnos = "" if self.rust else "ENOMEM"
        return "".join(sweep("nsfd-alone", (name,), 1 - self.rust, errnos) for name in TYPES)

    def sets_by_pidfd_alone(self, leaks):
        return self.by_pidfd("sets_by_pidfd_alone", "pidfd-alone", sets_alone(), leaks)

    def by_pidfd(self, case, call, sets, leaks):
        text = ""
        for types in sets:
            leaked = leaks and {"user", "mnt"} <= {*types}
            alone = types == ("user",) or call.endswith("-alone")
            failures = 2 - self.rust * (alone + (len(types) > 1 and "mnt" in types))
            errnos = "ENOMEM" if failures else ""
            text += sweep(call, types, failures, errnos, "user" if leaked else "")
            flags = sum(TYPES[name] for name in types)
            text += LEAK.format(case=case, flags=flags) if leaked else ""
        return text

    def each_set_by_unshare(self, _):
        return "".join(
            sweep("unshare", sorted({*types}, key=list(FLAGS).index), 14, "ENOMEM")
            for types in CREATED
        )

    def at_its_limit(self, victim):
        return VICTIM if victim else ""

    def kunit(self):
        # The log begins with a first run of the tests at boot, in which no allocation failed
        text = "".join(f"namespaces before: {name} 1\n" for name in CREATABLE)
        text += "[    0.0] Linux version 7.3.4\n"
        text += "[    1.0] rust_setns: create_new_namespaces 0x80: 0 failures: []\n"
        text += "[    1.1] ok 1 rust_setns_create\n"
        text += "[    9.0] rust_setns: tests of create_new_namespaces()\n"
        for types in CREATED:
            flags = sum(FLAGS[name] for name in {*types})
            errnos = "-12, -17" if "net" in types else "-12"
            text += f"[    9.1] rust_setns: create_new_namespaces {flags:#x}: 40 failures: "
            text += f"[{errnos}]\n"
        text += "[    9.2] ok 1 rust_setns_create\n"
        return text + "".join(f"namespaces after: {name} 1\n" for name in CREATABLE)

    def unfix(self, victim=True):
        """Replaces the results on C by those of a kernel without the fix."""
        self.options = ["--unfixed"]
        self.write("c/setns:fault_test.ktap", self.ktap(leaks=True, victim=victim))
        self.write("c/served", "setns:fault_test 1 4000 0\n")
        self.write("c/kmemleak", KMEMLEAK)

    def write(self, name, text):
        (self.results / name).write_text(text)

    def replace(self, name, old, new):
        text = (self.results / name).read_text()
        self.assertIn(old, text)
        self.write(name, text.replace(old, new, 1))

    def run_report(self):
        command = [sys.executable, REPORT, self.results, *self.options]
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout

    def assert_green(self):
        status, output = self.run_report()
        self.assertEqual(status, 0, output)
        return output

    def assert_red(self, *words):
        status, output = self.run_report()
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)
        failed = [line for line in output.splitlines() if line.startswith("FAILED: ")]
        self.assertEqual(len(failed), len(words), output)
