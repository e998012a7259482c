"""A trainer that counts epochs until there is a file `go` in its directory of work, and can save and load. Ends by itself
after 3000 epochs, or when that directory is gone. With --mute it cannot save. Usage: trainer.py CLIENT [--mute]"""
import os
import sys
import time

sys.path.insert(0, sys.argv[1])
import clade  # noqa: E402

epoch = 0


def save(directory):
    with open(os.path.join(directory, 'state'), 'w', encoding='utf-8') as file:
        file.write(str(epoch))


def load(directory):
    global epoch
    with open(os.path.join(directory, 'state'), encoding='utf-8') as file:
        epoch = int(file.read())


functions = {} if '--mute' in sys.argv else {'save': save, 'load': load}
with clade.start(defaults={'lr': 0.5}, **functions) as run:
    run.resume()
    while epoch < 3000 and not run.should_stop and os.path.exists('here') and not os.path.exists('go'):
        epoch += 1
        time.sleep(0.01)
        run.report(epoch, loss=run.lr + 1 / epoch)
    if not run.should_stop:
        run.report(epoch + 1, loss=run.lr)
