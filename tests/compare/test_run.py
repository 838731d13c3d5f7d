from leoclr_plugin.compare.run import _reason


def test_the_reason_of_a_failed_run_is_what_it_said_and_no_progress_bar(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("Epoch 0: 0%\rEpoch 0: 33%\rUserError: the disk is full\n\rEpoch 0: 33%\n\n")
    assert _reason(log, 2) == "UserError: the disk is full"
    log.write_text("Traceback\n  File ...\ntorch.cuda.OutOfMemoryError: 3 GiB\nEpoch 0: 33%")
    assert _reason(log, 1) == "torch.cuda.OutOfMemoryError: 3 GiB"
    log.write_text("Epoch 0: 33%\n\n")
    assert _reason(log, 1) == "Epoch 0: 33%"
    log.write_text("")
    assert _reason(log, 3) == "exit code 3"
    assert _reason(log, -9) == "ended by signal 9"
