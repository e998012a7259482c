"""A trainer of examples/pytorch that measures each state that it has taken over, before it trains on: epoch and validation loss
are written down in loads.txt of the trial's directory. pytorch_member.py SCRIPT [OPTION...]"""
import importlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'examples', 'pytorch'))
script = importlib.import_module(sys.argv.pop(1))
import train  # noqa: E402

PARTS = train.parts_of(*train.read_digits(train.DEFAULTS['data']), False)


def watched(take):
    def method(self, *arguments):
        take(self, *arguments)
        loss, _ = self.measure(*PARTS['validation'])
        with open(os.path.join(os.environ['CLADE_DIR'], 'loads.txt'), 'a', encoding='utf-8') as file:
            print(self.epoch, repr(loss), file=file)
    return method


take = 'take_over' if hasattr(script.Trainer, 'take_over') else 'load'
setattr(script.Trainer, take, watched(getattr(script.Trainer, take)))
script.main()
