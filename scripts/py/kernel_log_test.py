# SPDX-License-Identifier: GPL-2.0
"""Tests which lines scripts/py/kernel_log.py takes for a complaint of the kernel."""

import subprocess
import sys

from comparison.fixture import CompareTest

MISALIGNED = """\
[    2.0] ------------[ cut here ]------------
[    2.0] UBSAN: misaligned-access in {}:12:3
[    2.0] member access within misaligned address 0000000012345678 for type 'struct x'
[    2.0] which requires 64 byte alignment
[    2.0] CPU: 0 UID: 0 PID: 1 Comm: sh Not tainted
[    2.0] Call Trace:
[    2.0] ---[ end trace ]---
"""


class KernelLogTest(CompareTest):
    """Most tests look at it through scripts/py/compare.py, some start it alone."""

    def test_splat(self):
        for line in ("WARNING: kernel/nsproxy.c:1 at x", "BUG: KASAN: x", "Call trace:"):
            with self.subTest(line):
                self.write("rust/dmesg", f"[    1.0] rust_setns: tests\n[    2.0] {line}\n")
                self.assert_red(f"the kernel complained: [    2.0] {line}")

    def test_splat_that_is_only_printed(self):
        """The kernel prints these and goes on, even with panic_on_warn."""
        for line in (
            "WARNING: possible circular locking dependency detected",
            "BUG: sleeping function called from invalid context at x",
            "WARNING: suspicious RCU usage",
        ):
            with self.subTest(line):
                self.write("c/dmesg", f"[    1.0] rust_setns: tests\n[    2.0] {line}\n")
                self.assert_red(f"the kernel complained: [    2.0] {line}")

    def test_splat_that_a_test_provokes(self):
        oom = (
            "[    2.0] fault_test invoked oom-killer: x\n[    2.0] CPU: 0\n[    2.0] Call Trace:\n"
        )
        self.write("rust/dmesg", f"[    1.0] rust_setns: tests\n{oom}")
        self.assert_green()
        for between in ("[    3.0] Call Trace:\n", "[    3.0] x\n" * 20):
            text = oom.replace("[    2.0] CPU: 0\n", between)
            self.write("rust/dmesg", f"{text}[    3.0] Call Trace:\n")
            self.assert_red("Call Trace:")
        self.write("rust/dmesg", f"{oom}[    3.0] Call Trace:\n")
        self.assert_red("the kernel complained: [    3.0] Call Trace:")
        self.write("rust/dmesg", oom.replace("fault_test", "other_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")

    def test_splat_that_a_failing_allocation_provokes(self):
        stack = "[    2.0] CPU: 0 PID: 9 Comm: {} Not tainted\n[    2.0] Call Trace:\n"
        failed = "[    2.0] percpu: allocation failed, size=8 align=8\n" + stack
        for task in ("fault_test", "kunit_try_catch"):
            self.write("rust/dmesg", "[    1.0] rust_setns: tests\n" + failed.format(task))
            self.assert_green()
        self.write("rust/dmesg", failed.format("other_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")
        self.write("rust/dmesg", stack.format("fault_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")

    def test_first_task_complains(self):
        """virtme-ng-init warns if systemd-tmpfiles is missing. The kernel does not."""
        log = "[    0.0] Linux version 7.3.4\n[    4.1] {} WARNING: failed to run x\n"
        self.write("boot/dmesg", log.format("virtme-ng-init:"))
        self.assert_green()
        self.write("boot/dmesg", log.format("Comm: virtme-ng-init"))
        self.assert_red("the kernel complained: [    4.1] Comm: virtme-ng-init WARNING:")

    def misalign(self, column, *files):
        """Writes a kernel log with a misaligned access in each of the files."""
        reports = "".join(map(MISALIGNED.format, files))
        self.write(f"{column}/dmesg", f"[    1.0] rust_setns: tests\n{reports}")

    def test_misaligned_access_elsewhere(self):
        """A kernel with UBSAN_ALIGNMENT: they are listed, and counted over all logs."""
        self.misalign("c", "/h/.cache/rust-setns/linux-7.3.4-1/src/drivers/x.c", "net/core/y.c")
        self.misalign("rust", "/h/kdir-0123456789ab/src/drivers/x.c")
        self.assert_red("the kernel complained: [    2.0] UBSAN: misaligned-access in")
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        self.assert_green()
        self.assertEqual(self.summary()["misaligned"], {"drivers/x.c": 2, "net/core/y.c": 1})
        self.assertIn("no failure: drivers/x.c: 2\n", self.compare()[1])
        self.assertIn("no failure: 3 in all\n", self.compare()[1])

    def test_misaligned_access_on_the_path(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for file in (
            "/h/.cache/rust-setns/linux-7.3.4-1/src/kernel/utsname.c",
            "/h/src/kdir-0123456789ab/src/include/linux/ns_common.h",
            "kernel/utsname.c",
        ):
            with self.subTest(file):
                self.misalign("rust", "drivers/x.c", file)
                self.assert_red(
                    f"the kernel complained: [    2.0] UBSAN: misaligned-access in {file}"
                )

    def test_misaligned_access_in_a_function_that_is_accepted(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for function, is_accepted in (("at_boot", True), ("at_boot_too", False), ("x", False)):
            with self.subTest(function):
                self.misalign("rust", "kernel/utsname.c")
                log = self.results / "rust/dmesg"
                frames = "".join(
                    f"[    2.0]  {name}+0x1/0x2\n"
                    for name in ("__ubsan_handle_type_mismatch_v1", function, "at_boot")
                )
                log.write_text(log.read_text().replace("[    2.0] ---[", frames + "[    2.0] ---["))
                if is_accepted:
                    self.assert_green()
                else:
                    self.assert_red("the kernel complained: [    2.0] UBSAN: misaligned-access in")

    def test_other_complaints_beside_misaligned_accesses(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for line in (
            "UBSAN: array-index-out-of-bounds in drivers/x.c:12:3",
            "UBSAN: alignment-assumption in drivers/x.c:12:3",
            "BUG: x",
            "Call Trace:",
        ):
            with self.subTest(line):
                self.misalign("rust", "drivers/x.c")
                self.add("dmesg", f"[    3.0] {line}\n", "rust")
                self.assert_red(f"the kernel complained: [    3.0] {line}")

    def test_kernel_log_alone(self):
        """scripts/kunit starts it like this."""
        log = self.results / "rust/dmesg"
        command = [sys.executable, self.scripts / "py/kernel_log.py", log]
        for text, status in (
            ("[    0.0] Linux version 7.3\n", 0),
            ("[    0.0] Linux version 7.3\n[    1.0] BUG: x\n", 1),
            ("[    1.0] no beginning\n", 2),
            ("", 2),
        ):
            log.write_text(text)
            done = subprocess.run(command, text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, status, text)
            self.assertEqual("BUG: x" in done.stdout, status == 1)

    def test_misaligned_access_in_a_kernel_log_alone(self):
        log = self.results / "rust/dmesg"
        command = [sys.executable, self.scripts / "py/kernel_log.py", log]
        for file, options, status in (
            ("drivers/x.c", [], 1),
            ("drivers/x.c", ["--alignment"], 0),
            ("kernel/utsname.c", ["--alignment"], 1),
            # The build names the file in another way
            ("./drivers/x.c", ["--alignment"], 1),
            ("../drivers/x.c", ["--alignment"], 1),
            ("/elsewhere/drivers/x.c", ["--alignment"], 1),
        ):
            self.misalign("rust", file)
            done = subprocess.run([*command, *options], capture_output=True, check=False)
            self.assertEqual(done.returncode, status, (file, options))
