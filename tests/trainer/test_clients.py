"""Both clients against a worker that plays a script. Usage: test_clients.py PROBE (a program, or a script of Python)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from peer import scenarios_of  # noqa: E402

PROBE = sys.argv[1]
scenario = scenarios_of(PROBE)
VALUES = {"lr": 0.0123, "layers": 3, "nesterov": True, "opt": "adam"}
OPEN = "open lr=0.0123 layers=3 nesterov=true opt=adam seed=-7 trial=4 attempt=2 final=false study=true"
TAIL = "layers=3 nesterov=true opt=adam changed"


def hello(peer, reports=0, can="save load"):
    peer.accept()
    message = peer.read()
    assert message == {"type": "hello", "token": "7f3a9c", "protocol": 1, "can": can, "reports": reports} or (
        reports == 0 and message == {"type": "hello", "token": "7f3a9c", "protocol": 1, "can": can}) or (
        can == "" and message.get("can", "") == "" and message.get("reports", 0) == reports), message


def begin(peer, *arguments, environment=None, **more):
    """Start the trainer and answer its hello."""
    peer.run(*arguments, **(environment or {}))
    hello(peer, can="" if "--plain" in arguments else "save load")
    peer.send("start", **dict({"values": VALUES, "seed": -7, "change": 1, "reports": 0, "load": None}, **more))


def report(peer, ordinal, step=None, **more):
    """The next message must be this report."""
    step = ordinal if step is None else step
    message = peer.read()
    want = dict({"type": "report", "ordinal": ordinal, "step": step, "metrics": {"accuracy": step / 16}}, **more)
    assert message == want, (message, want)


def go_line(step, lr="0.0123", changed=""):
    return "report %d go lr=%s %s%s" % (step, lr, TAIL, changed)


def finish(peer):
    message = peer.read()
    assert message == {"type": "done"}, message
    peer.send("go")
    assert peer.read() is None


def file_of(path):
    with open(os.path.join(path, "state"), encoding="utf-8") as file:
        return int(file.read())


# --- the normal course -------------------------------------------------------------------------------------


@scenario
def test_values_arrive_and_reports_are_numbered_from_1(peer):
    begin(peer, "3", environment={"CLADE_FINAL": "1"})
    for ordinal in (1, 2, 3):
        report(peer, ordinal)
        peer.send("go")
    finish(peer)
    peer.ends(0, OPEN.replace("final=false", "final=true"), "start fresh", go_line(1), go_line(2), go_line(3), "done")


@scenario
def test_the_study_wins_over_arguments_and_arguments_over_defaults(peer):
    begin(peer, "0", "--lr=99", "--opt=rmsprop", values={"lr": 0.25, "layers": 2}, environment={"CLADE_PARAM_nesterov": "true"})
    finish(peer)
    peer.ends(0, "open lr=0.25 layers=2 nesterov=true opt=rmsprop seed=-7 trial=4 attempt=2 final=false study=true",
              "start fresh", "done")


@scenario
def test_a_value_changes_at_the_report_and_only_there(peer):
    begin(peer, "3")
    report(peer, 1)
    peer.send("go", change=9, values={"lr": 0.004})
    report(peer, 2)
    peer.send("go", change=11, values={"lr": 0.004, "opt": "sgd"})
    report(peer, 3)
    peer.send("go", values={})
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1, "0.004", " lr"),
              "report 2 go lr=0.004 layers=3 nesterov=true opt=sgd changed opt",
              "report 3 go lr=0.004 layers=3 nesterov=true opt=sgd changed", "done")


@scenario
def test_a_program_without_functions_says_that_it_can_do_nothing(peer):
    begin(peer, "1", "--plain")
    report(peer, 1)
    peer.send("save", path=os.path.join(peer.directory, "ck"))
    saved = peer.read()
    assert saved["type"] == "saved" and saved["step"] == 1 and "cannot save" in saved["error"], saved
    peer.send("load", change=5, path=peer.state("donor", 9))
    loaded = peer.read()
    assert loaded["type"] == "loaded" and loaded["change"] == 5 and "cannot load" in loaded["error"], loaded
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


@scenario
def test_an_ending_without_done_is_an_error(peer):
    begin(peer, "0", "--no-done")
    assert peer.read() is None
    peer.ends(1, OPEN, "start fresh")


@scenario
def test_metrics_that_are_not_finite_travel_as_words(peer):
    begin(peer, "1", "--metric=nonfinite")
    message = peer.read()
    assert message["metrics"] == {"accuracy": "nan", "loss": "inf", "low": "-inf"}, message
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


@scenario
def test_a_report_may_be_without_metrics(peer):
    begin(peer, "1", "--metric=none")
    assert peer.read() == {"type": "report", "ordinal": 1, "step": 1.0, "metrics": {}}
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


# --- states ------------------------------------------------------------------------------------------------


@scenario
def test_a_save_asked_for_in_an_answer_holds_the_state_just_reported(peer):
    begin(peer, "2")
    path = os.path.join(peer.directory, "ck")
    report(peer, 1)
    peer.send("save", way="directory", path=path)
    assert peer.read() == {"type": "saved", "step": 1.0, "path": path, "bytes": 2}
    assert file_of(path) == 1
    peer.send("go", change=3, values={"lr": 0.5})
    report(peer, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "save 1", go_line(1, "0.5", " lr"), go_line(2, "0.5"), "done")


@scenario
def test_an_announced_save_is_taken_before_the_first_report_at_its_step(peer):
    first, second = (os.path.join(peer.directory, name) for name in ("ck1", "ck2"))
    begin(peer, "5", save_at=2, path=first)
    report(peer, 1)
    peer.send("go", save_at=2.0, path=first)
    report(peer, 2, path=first, bytes=2)
    assert file_of(first) == 2
    peer.send("go", save_at=3.5, path=second)
    report(peer, 3)
    peer.send("go", save_at=3.5, path=second)
    report(peer, 4, path=second, bytes=2)
    peer.send("go")
    report(peer, 5)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "save 2", go_line(2), go_line(3), "save 4", go_line(4), go_line(5), "done")


@scenario
def test_an_answer_without_an_announcement_takes_it_back(peer):
    begin(peer, "2", save_at=2, path=os.path.join(peer.directory, "ck"))
    report(peer, 1)
    peer.send("go")
    report(peer, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), go_line(2), "done")


@scenario
def test_a_failed_save_is_told_with_its_reason(peer):
    path = os.path.join(peer.directory, "ck")
    begin(peer, "2", "--bad-save", save_at=1, path=path)
    report(peer, 1, path=path, error="the program's save function returned 9")
    peer.send("save", path=path)
    assert peer.read() == {"type": "saved", "step": 1.0, "path": path, "error": "the program's save function returned 9"}
    orphan = os.path.join(peer.directory, "absent", "ck")
    peer.send("save", path=orphan)
    saved = peer.read()
    assert saved["path"] == orphan and "error" in saved and "bytes" not in saved, saved
    assert not os.path.exists(os.path.dirname(orphan))
    peer.send("go")
    report(peer, 2)
    peer.send("go")
    finish(peer)
    assert peer.process.wait() == 0


@scenario
def test_a_state_is_loaded_before_training_when_the_study_wants_it(peer):
    begin(peer, "9", change=31, load=peer.state("ck", 7))
    assert peer.read() == {"type": "loaded", "change": 31}
    peer.send("go")
    report(peer, 1, 8)
    peer.send("go")
    report(peer, 2, 9)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "load 7", "start loaded", go_line(8), go_line(9), "done")


@scenario
def test_after_a_failed_load_the_study_decides(peer):
    begin(peer, "1", "--bad-load", change=31, load=peer.state("ck", 7))
    assert peer.read() == {"type": "loaded", "change": 31, "error": "the program's load function returned 9"}
    peer.send("load", change=33, path=peer.state("other", 5))
    assert peer.read() == {"type": "loaded", "change": 33, "error": "the program's load function returned 9"}
    peer.send("go", values={"lr": 0.5})
    report(peer, 1)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "load fails", "load fails", "start fresh", go_line(1, "0.5"), "done")


@scenario
def test_another_state_may_be_tried_and_counts_as_loaded(peer):
    begin(peer, "6", change=31, load=os.path.join(peer.directory, "absent"))
    loaded = peer.read()
    assert loaded["change"] == 31 and loaded["error"], loaded
    peer.send("load", change=33, path=peer.state("other", 5))
    assert peer.read() == {"type": "loaded", "change": 33}
    peer.send("go")
    report(peer, 1, 6)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "load 5", "start loaded", go_line(6), "done")


@scenario
def test_an_exploit_replaces_values_and_state_within_the_report(peer):
    begin(peer, "4")
    for ordinal in (1, 2, 3):
        report(peer, ordinal)
        if ordinal < 3:
            peer.send("go")
    peer.send("load", change=40, path=peer.state("donor", 1), values={"lr": 0.002, "layers": 3})
    assert peer.read() == {"type": "loaded", "change": 40}
    peer.send("go", change=40)
    report(peer, 4, 2)
    peer.send("stop")
    assert peer.read() is None
    peer.ends(76, OPEN, "start fresh", go_line(1), go_line(2), "load 1", go_line(3, "0.002", " lr"), "report 2 stop", "done stop")


@scenario
def test_saving_and_loading_may_follow_one_another_in_one_report(peer):
    begin(peer, "1")
    path = os.path.join(peer.directory, "ck")
    report(peer, 1)
    for turn in range(3):
        peer.send("save", path=path + str(turn))
        assert peer.read()["path"] == path + str(turn)
        peer.send("load", change=50 + turn, path=path + str(turn))
        assert peer.read() == {"type": "loaded", "change": 50 + turn}
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", *(["save 1", "load 1"] * 3), go_line(1), "done")


@scenario
def test_training_does_not_begin_over_a_state_that_waits(peer):
    begin(peer, "1", "--no-start", load=peer.state("ck", 7))
    assert peer.read() is None
    assert peer.process.wait() == 1


# --- the end -----------------------------------------------------------------------------------------------


@scenario
def test_a_pause_saves_and_ends_with_75(peer):
    begin(peer, "9")
    path = os.path.join(peer.directory, "ck")
    report(peer, 1)
    peer.send("pause", save=path)
    assert peer.read() == {"type": "saved", "step": 1.0, "path": path, "bytes": 2}
    peer.send("go")
    assert peer.read() is None
    assert file_of(path) == 1
    peer.ends(75, OPEN, "start fresh", "save 1", "report 1 stop", "done stop")


@scenario
def test_a_stop_without_a_save_ends_with_76_at_once(peer):
    begin(peer, "9", "--again")
    report(peer, 1)
    peer.send("stop", save=None)
    assert peer.read() is None
    peer.ends(76, OPEN, "start fresh", "report 1 stop", "report 2 stop", "done stop")


@scenario
def test_a_stop_whose_save_fails_still_ends(peer):
    begin(peer, "9", "--bad-save")
    report(peer, 1)
    peer.send("stop", save=os.path.join(peer.directory, "ck"))
    assert "error" in peer.read()
    peer.send("error", text="it could not be published")
    assert peer.read() is None
    peer.ends(76, OPEN, "start fresh", "save 1", "report 1 stop", "done stop")


@scenario
def test_a_stop_may_answer_a_load_at_the_start(peer):
    begin(peer, "9", load=peer.state("ck", 3))
    assert peer.read()["type"] == "loaded"
    peer.send("stop")
    assert peer.read() is None
    peer.ends(76, OPEN, "load 3", "start stop")


# --- errors ------------------------------------------------------------------------------------------------


@scenario
def test_a_refused_report_keeps_its_ordinal_for_the_next(peer):
    begin(peer, "2")
    report(peer, 1)
    peer.send("error", text="the step goes back from 3 to 1", field="step", limit="at least 3", fatal=False)
    report(peer, 1, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "error EREFUSED", go_line(2), "done",
              saying="the worker says: the step goes back from 3 to 1; step must be at least 3")


@scenario
def test_a_fatal_error_ends_the_conversation_for_good(peer):
    begin(peer, "5", "--again")
    report(peer, 1)
    peer.send("error", text="this is no language of mine", fatal=True)
    assert peer.read() is None
    peer.ends(1, OPEN, "start fresh", "error EPROTOCOL", "error EPROTOCOL", "error EPROTOCOL",
              saying="this is no language of mine")


@scenario
def test_a_refused_hello_is_no_reason_to_try_again(peer):
    peer.run("5")
    hello(peer)
    peer.send("error", text="protocol 1 is not spoken here", field="protocol", limit="2", fatal=True)
    assert peer.read() is None
    peer.ends(1, "error EPROTOCOL", saying="the worker says: protocol 1 is not spoken here; protocol must be 2")


@scenario
def test_an_outdated_attempt_is_stopped_at_its_hello(peer):
    peer.run("5")
    hello(peer)
    peer.send("stop")
    assert peer.read() is None
    peer.ends(76, "error ESTALE", saying="the trial has a newer one")


@scenario
def test_a_wrong_answer_is_named(peer):
    begin(peer, "5")
    report(peer, 1)
    peer.send("fork", token="99")
    assert peer.read() is None
    assert peer.process.wait() == 1
    assert "the worker answered 'fork' to 'report'" in peer.process.stderr.read()


def broken(peer, line, saying):
    begin(peer, "5")
    report(peer, 1)
    peer.send(line)
    assert peer.read() is None
    assert peer.process.wait() == 1
    out, err = peer.process.communicate()
    assert "error EPROTOCOL" in out and saying in err, (out, err)


@scenario
def test_an_answer_that_is_no_json_is_an_error(peer):
    broken(peer, b"go on\n", "what the worker sent is no message")


@scenario
def test_an_answer_of_an_unknown_type_is_an_error(peer):
    broken(peer, b'{"type":"dance"}\n', "what the worker sent is no message")


@scenario
def test_an_answer_with_a_wrong_member_is_an_error(peer):
    broken(peer, b'{"type":"save","path":7}\n', '"path"')


@scenario
def test_an_answer_over_64_kib_is_an_error(peer):
    broken(peer, b'{"type":"go","x":"' + b"x" * 65536 + b'"}\n', "65536")


@scenario
def test_an_endless_answer_is_an_error(peer):
    begin(peer, "5")
    report(peer, 1)
    try:
        peer.send(b"x" * 300000)
    except OSError:
        pass  # it has hung up before the end
    peer.hang_up()
    assert peer.process.wait() == 1


@scenario
def test_an_answer_of_64_kib_is_understood(peer):
    begin(peer, "1")
    report(peer, 1)
    frame = b'{"type":"go","new":""}'
    peer.send(frame[:-2] + b"x" * (65536 - len(frame)) + frame[-2:] + b"\n")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


def refused_here(peer, mode, code, saying):
    """A report that cannot be sent: nothing is sent, and training goes on."""
    begin(peer, "1", "--metric=" + mode)
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "error " + code, "done", saying=saying)


@scenario
def test_a_metric_with_a_name_of_1_mb_is_refused(peer):
    refused_here(peer, "huge", "EINVAL", "the name of a metric is longer than 256 bytes: mmmmmm")


@scenario
def test_a_metric_whose_name_is_not_utf8_is_refused(peer):
    refused_here(peer, "utf8", "EINVAL", "not UTF-8")


@scenario
def test_more_than_200_metrics_are_refused(peer):
    refused_here(peer, "many", "ELIMIT", "at most 200 metrics")


@scenario
def test_a_report_over_64_kib_is_refused(peer):
    refused_here(peer, "big", "ELIMIT", "the limit is 65536")


@scenario
def test_a_step_that_is_not_finite_is_refused(peer):
    refused_here(peer, "step", "EINVAL", "the step of a report must be a finite number")


@scenario
def test_a_socket_without_a_token_is_an_error(peer):
    peer.run("1", CLADE_TOKEN=None)
    peer.ends(1, "error EINVAL", saying="CLADE_TOKEN is not")


@scenario
def test_a_path_too_long_for_a_socket_is_an_error(peer):
    peer.run("1", CLADE_SOCKET="/tmp/" + "x" * 200)
    peer.ends(1, "error EINVAL", saying="the path of the worker's socket")


@scenario
def test_a_save_function_may_not_report(peer):
    path = os.path.join(peer.directory, "ck")
    begin(peer, "1", "--deep", save_at=1, path=path)
    report(peer, 1, path=path, bytes=2)
    peer.send("stop")
    peer.ends(76, OPEN, "start fresh", "save 1", "error EINVAL", "report 1 stop", "done stop",
              saying="a save or load function must not")


@scenario
def test_a_pause_without_an_end_of_its_conversation_is_one(peer):
    begin(peer, "9", environment={"CLADE_RECONNECT": "0"})
    report(peer, 1)
    peer.send("pause", save=os.path.join(peer.directory, "ck"))
    assert peer.read()["bytes"] == 2
    peer.vanish()
    peer.ends(75, OPEN, "start fresh", "save 1", "report 1 stop", "done stop")


# --- a worker that dies ------------------------------------------------------------------------------------


@scenario
def test_an_open_report_that_was_not_recorded_is_sent_again_once(peer):
    begin(peer, "2")
    report(peer, 1)
    peer.send("go")
    report(peer, 2)
    peer.vanish()
    peer.listen()
    hello(peer, reports=2)
    peer.send("start", values=dict(VALUES, lr=0.25), seed=-7, change=8, reports=1)
    report(peer, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), go_line(2, "0.25", " lr"), "done")


@scenario
def test_an_open_report_that_was_recorded_is_answered_again(peer):
    begin(peer, "2")
    report(peer, 1)
    peer.vanish()
    peer.listen()
    hello(peer, reports=1)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=1)
    report(peer, 1)
    peer.send("go", change=9, values={"lr": 0.5})
    report(peer, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1, "0.5", " lr"), go_line(2, "0.5"), "done")


@scenario
def test_a_connection_lost_between_reports_is_found_by_the_next(peer):
    begin(peer, "2")
    report(peer, 1)
    peer.send("go")
    peer.hang_up()
    hello(peer, reports=2 if peer.process else 0)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=1)
    report(peer, 2)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), go_line(2), "done")


@scenario
def test_a_worker_may_die_again_and_again(peer):
    begin(peer, "1")
    report(peer, 1)
    for turn in range(3):
        peer.hang_up()
        hello(peer, reports=1)
        peer.send("start", values=VALUES, seed=-7, change=1, reports=turn // 2)
        report(peer, 1)
    peer.hang_up()
    hello(peer, reports=1)
    peer.hang_up()
    hello(peer, reports=1)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=1)
    report(peer, 1)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


@scenario
def test_a_worker_that_lost_reports_gets_the_next_ordinal(peer):
    begin(peer, "3")
    for ordinal in (1, 2):
        report(peer, ordinal)
        peer.send("go")
    report(peer, 3)
    peer.hang_up()
    hello(peer, reports=3)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=0)
    report(peer, 1, 3)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), go_line(2), go_line(3), "done")


@scenario
def test_a_new_socket_is_found_by_the_note_in_the_directory(peer):
    begin(peer, "1")
    report(peer, 1)
    peer.vanish()
    peer.listen(os.path.join(peer.directory, "elsewhere"))
    with open(os.path.join(peer.directory, "socket"), "w", encoding="utf-8") as file:
        file.write(peer.path + "\n")
    hello(peer, reports=1)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=0)
    report(peer, 1)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", go_line(1), "done")


@scenario
def test_a_note_that_is_outdated_does_no_harm(peer):
    with open(os.path.join(peer.directory, "socket"), "w", encoding="utf-8") as file:
        file.write("/nonexistent/socket\n")
    begin(peer, "0")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "done")


@scenario
def test_a_trainer_waits_for_its_first_worker(peer):
    peer.vanish()
    peer.run("0")
    peer.listen()
    hello(peer)
    peer.send("start", values=VALUES, seed=-7)
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "done")


@scenario
def test_a_save_in_progress_is_told_to_the_next_worker(peer):
    begin(peer, "1")
    path = os.path.join(peer.directory, "ck")
    report(peer, 1)
    peer.send("save", path=path)
    peer.hang_up()
    hello(peer, reports=1)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=1)
    assert peer.read() == {"type": "saved", "step": 1.0, "path": path, "bytes": 2}
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "save 1", go_line(1), "done")


@scenario
def test_a_load_at_the_start_is_done_once_and_acknowledged_twice(peer):
    path = peer.state("ck", 7)
    begin(peer, "8", change=31, load=path)
    assert peer.read() == {"type": "loaded", "change": 31}
    peer.hang_up()
    hello(peer)
    peer.send("start", values=VALUES, seed=-7, change=31, reports=0, load=path)
    assert peer.read() == {"type": "loaded", "change": 31}
    peer.send("go")
    report(peer, 1, 8)
    peer.send("go")
    finish(peer)
    peer.ends(0, OPEN, "load 7", "start loaded", go_line(8), "done")


@scenario
def test_done_is_said_again_to_the_next_worker(peer):
    begin(peer, "0")
    assert peer.read() == {"type": "done"}
    peer.hang_up()
    hello(peer)
    peer.send("start", values=VALUES, seed=-7, change=1, reports=0)
    finish(peer)
    peer.ends(0, OPEN, "start fresh", "done")


@scenario
def test_a_trial_that_went_on_without_this_attempt_stops_it(peer):
    begin(peer, "5")
    report(peer, 1)
    peer.hang_up()
    hello(peer, reports=1)
    peer.send("stop")
    assert peer.read() is None
    peer.ends(76, OPEN, "start fresh", "report 1 stop", "done stop")


@scenario
def test_without_a_worker_the_state_is_saved_late_and_the_trainer_ends_with_75(peer):
    begin(peer, "5", environment={"CLADE_RECONNECT": "0.3"})
    report(peer, 1)
    peer.send("go")
    report(peer, 2)
    peer.vanish()
    peer.ends(75, OPEN, "start fresh", go_line(1), "save 2", "report 2 stop", "done stop")
    assert os.listdir(os.path.join(peer.directory, "checkpoints")) == ["2.late"]
    assert file_of(os.path.join(peer.directory, "checkpoints", "2.late")) == 2


@scenario
def test_without_a_worker_and_a_save_function_the_trainer_ends_with_75(peer):
    begin(peer, "5", "--plain", environment={"CLADE_RECONNECT": "0"})
    report(peer, 1)
    peer.vanish()
    peer.ends(75, OPEN, "start fresh", "report 1 stop", "done stop")


@scenario
def test_a_late_save_that_fails_leaves_nothing_that_looks_whole(peer):
    begin(peer, "5", "--bad-save", environment={"CLADE_RECONNECT": "0"})
    report(peer, 1)
    peer.vanish()
    peer.ends(75, OPEN, "start fresh", "save 1", "report 1 stop", "done stop")
    assert os.listdir(os.path.join(peer.directory, "checkpoints")) == ["1.late.part"]


@scenario
def test_without_any_worker_the_trainer_ends_with_75(peer):
    peer.vanish()
    peer.run("5", CLADE_RECONNECT="0.15")
    peer.ends(75, "error ECLOSED", saying="no worker came back within 0.15 s (CLADE_RECONNECT)")


# --- outside of a study ------------------------------------------------------------------------------------


@scenario
def test_outside_of_a_study_the_program_just_runs(peer):
    outside = {name: None for name in ("CLADE_SOCKET", "CLADE_TOKEN", "CLADE_DIR", "CLADE_TRIAL", "CLADE_ATTEMPT")}
    peer.run("2", "--lr", "0.125", "--opt=adam", "--nesterov", "--seed=12", CLADE_PARAM_layers="5", CLADE_PARAM_lr="9", **outside)
    tail = "lr=0.125 layers=5 nesterov=true opt=adam"
    peer.ends(0, "open " + tail + " seed=12 trial=0 attempt=0 final=false study=false", "start fresh",
              "step 1  accuracy 0.0625", "report 1 go " + tail + " changed", "step 2  accuracy 0.125",
              "report 2 go " + tail + " changed", "done")


@scenario
def test_outside_of_a_study_a_state_can_be_given_by_hand(peer):
    peer.run("4", "--metric=nonfinite", CLADE_SOCKET=None, CLADE_RESUME_FROM=peer.state("ck", 3))
    peer.ends(0, "open lr=0.5 layers=1 nesterov=false opt=sgd seed=1 trial=4 attempt=2 final=false study=false", "load 3",
              "start loaded", "step 4  accuracy nan  loss inf  low -inf",
              "report 4 go lr=0.5 layers=1 nesterov=false opt=sgd changed", "done")


@scenario
def test_a_seed_that_is_no_number_is_an_error(peer):
    peer.run("4", CLADE_SOCKET=None, CLADE_SEED="lucky")
    peer.ends(1, "error EINVAL", saying="the seed 'lucky'")


if __name__ == "__main__":
    tap.run(dict(globals()))
