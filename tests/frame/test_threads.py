"""Threads: where they are used at all, so that what the thread sanitizer has to look at is known."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

# What tests/worker/test_threads.c, tests/store/test_sqlite.c and test_ahead.c, and tests/trainer/test_copy.c show to the
# thread sanitizer; and base/thread, which starts the store's and the trainer's.
KNOWN = {'src/worker/publish.c', 'src/worker/leftover.c', 'src/worker/removal.c', 'src/worker/buffers_make.c',
         'src/worker/buffers_copy.c', 'src/store/sqlite_checkpoint.c', 'src/store/sqlite_ahead.c', 'src/base/thread.c',
         'src/base/thread.h', 'trainer/copy.c'}
THREADS = re.compile(r'\b(pthread_create|cl_thread_start|thrd_create|uv_thread_create|uv_queue_work|clone)\s*\(')


def test_only_the_known_files_leave_their_thread(directory):
    found = set()
    for top in ('src', 'trainer', 'apps', 'clients', 'include'):
        for place, _, names in os.walk(os.path.join(tap.ROOT, top)):
            for name in names:
                path = os.path.join(place, name)
                if name.endswith(('.c', '.h')):
                    with open(path, encoding='utf-8') as file:
                        if THREADS.search(file.read()):
                            found.add(os.path.relpath(path, tap.ROOT))
    assert found == KNOWN, found ^ KNOWN
    assert os.path.isdir(directory)


tap.run(globals())
