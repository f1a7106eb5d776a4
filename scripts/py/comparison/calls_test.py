# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/compare.py compares the calls of setns(2) and the output."""

from comparison.fixture import EINVAL, EPERM, CompareTest, trace


class CallsTest(CompareTest):
    """The run fails if C and Rust answer or print something different."""

    def test_errno_differs(self):
        self.replace("rust/dir-sub:plain.trace", EINVAL, EPERM)
        self.assert_red(
            "call 1 of a task", "setns(-1, CLONE_NEWNET) = -EINVAL on C, -EPERM on Rust"
        )

    def test_another_descriptor_is_free(self):
        self.replace("rust/proc:quiet.trace", "fd: 3", "fd: 4")
        self.assert_green()

    def test_ftrace_knows_no_name(self):
        self.replace("rust/proc:quiet.trace", "a test-", "<...>-")
        self.assert_green()

    def test_no_descriptor(self):
        self.replace("rust/proc:quiet.trace", "fd: 3", "fd: 0xffffff9c")
        self.assert_red("setns(fd, 0) = 0 on C, setns(-100, 0) = 0 on Rust")

    def test_calls_in_another_order(self):
        for column, order in (("c", 1), ("rust", -1)):
            calls = [(7, 3, 0, "0x0"), (7, 3, "0x80", "0x0")][::order]
            self.write(f"{column}/dir-sub:plain.trace", trace(*calls))
        self.assert_red("call 1 of a task")

    def test_tasks_in_another_order(self):
        calls = [(2223, 3, 0, "0x0"), (2222, "0xffffffff", "0x40000000", EINVAL)]
        self.write("rust/dir-sub:plain.trace", trace(*calls[::-1]))
        self.assert_green()

    def test_racy_calls(self):
        for suite in ("setns:racy", "setns:threads"):
            (self.results / f"rust/{suite}.trace").unlink()
            self.replace(f"rust/{suite}.ktap", "fd 7", "fd 8")
        self.assert_green()

    def test_racy_attempts(self):
        self.replace("rust/served", "setns:racy 0 0 2", "setns:racy 0 0 6")
        self.assert_green()

    def test_trace_is_missing(self):
        (self.results / "rust/dir-sub:plain.trace").unlink()
        self.assert_red("the trace on Rust is missing or empty")

    def test_trace_is_empty(self):
        self.write("c/dir-sub:plain.trace", "\n")
        self.assert_red("the trace on C is missing or empty")

    def test_trace_has_no_calls(self):
        self.write("rust/dir-sub:plain.trace", trace())
        self.assert_red("the trace on Rust has 0 of the 2 calls that were served")

    def test_trace_lacks_a_call(self):
        self.write("rust/dir-sub:plain.trace", trace((2222, 3, 0, "0x0")))
        self.assert_red("the trace on Rust has 1 of the 2 calls that were served")

    def test_reason_differs(self):
        self.replace("rust/dir-sub:plain.trace", "reason=NO_CAP", "reason=NO_OWNER_CAP")
        self.assert_red("[refused reason=NO_CAP type=uts", "[refused reason=NO_OWNER_CAP type=uts")

    def test_owner_is_unknown(self):
        self.replace("rust/dir-sub:plain.trace", "owner_id=2", "owner_id=0")
        self.assert_red("owner_id=some", "owner_id=0")

    def test_ids_differ(self):
        self.replace("rust/dir-sub:plain.trace", "ns_id=12", "ns_id=14")
        self.assert_green()

    def test_no_reason(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.trace", "reason=NO_CAP", "reason=0x0")
        self.assert_red("the trace on C has no reason for setns(-1, CLONE_NEWNET) = -EINVAL")

    def test_no_event(self):
        for column in ("c", "rust"):
            file = self.results / f"{column}/dir-sub:plain.trace"
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join(line for line in lines if "setns_joined" not in line))
        self.assert_red("the trace on Rust does not say what was joined by setns(fd, 0) = 0")

    def test_event_of_the_other_implementation(self):
        self.replace("c/dir-sub:plain.trace", "cap=21", "cap=21 impl=Rust")
        self.assert_red("the trace on C has events of Rust")

    def test_trace_has_lost_events(self):
        self.replace("c/dir-sub:plain.trace", "written: 6/6", "written: 6/9")
        self.assert_broken("'c/dir-sub:plain.trace' has lost events")

    def test_trace_has_a_gap(self):
        file = self.results / "rust/dir-sub:plain.trace"
        file.write_text(file.read_text() + "CPU:1 [LOST 7 EVENTS]\n")
        self.assert_broken("'rust/dir-sub:plain.trace' has lost events")

    def test_racy_trace_has_lost_events(self):
        for suite in ("setns:racy", "setns:threads"):
            self.replace(f"c/{suite}.trace", "written: 6/6", "written: 6/9")
        self.assert_green()

    def test_trace_has_no_header(self):
        self.replace("c/dir-sub:plain.trace", "entries-in-buffer", "entries")
        self.assert_red("the trace on C does not say whether it has lost events")

    def test_trace_has_lines_that_are_no_calls(self):
        self.replace("c/dir-sub:plain.trace", "-> 0x0", "is 0x0")
        self.assert_red("the trace on C has a line that is no call")

    def test_output_differs(self):
        self.replace("rust/dir-sub:plain.ktap", "fd 7", "fd 8")
        self.assert_red(
            "the output differs: C:    # plain.c:12:first:Child N in N, inode N, after N s, fd 7"
        )

    def test_output_has_a_line_more(self):
        self.replace("c/dir-sub:plain.ktap", "ok 2", "# plain.c:13:second:Invalid argument\nok 2")
        self.assert_red("the output differs: C:    # plain.c:13:second:Invalid argument")

    def test_line_number_differs(self):
        for column, line in (("c", 112), ("rust", 113)):
            self.replace(f"{column}/dir-sub:plain.ktap", "plain.c:12:", f"plain.c:{line}:")
        self.assert_red("the output differs: C:    # plain.c:112:")

    def test_output_that_is_no_text(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.ktap", "Child", "\x1b[1m\x00Child")
        self.assert_green()
