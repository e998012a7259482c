"""Regions of clade.py in arrays of NumPy and tensors of PyTorch, the real ones: where the Python that runs this has neither, that of
the system does it."""
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "clients", "python"))
import tap  # noqa: E402

python = tap.python_with("torch", "numpy")
if python not in (None, sys.executable):
    os.execv(python, [python] + sys.argv)

import clade  # noqa: E402

for module in ("numpy", "torch"):
    try:
        globals()[module] = __import__(module)
    except ImportError:
        globals()[module] = None
for variable in [name for name in os.environ if name.startswith("CLADE_")]:
    del os.environ[variable]


def need(module):
    if globals()[module] is None:
        raise tap.Skip("no Python here has %s" % module)


def region(memory):
    run = clade.start({}, argv=["program"])
    run.state("x", memory)
    return run


def refused(memory, *words):
    tap.raises(clade.Error, lambda: region(memory), "'x'", *words)


def spoil_and_take_back(directory, memory, before, spoil, equal):
    """Through a directory and through a buffer: what was there is there again."""
    run, buffer = region(memory), os.path.join(directory, "buffer")
    with open(buffer, "wb") as file:
        file.truncate(run._regions.bytes())
    for store, path in ((run._regions.write, directory), (run._regions.put, buffer)):
        store(path)
        spoil()
        assert not equal(memory, before)
        assert run._regions.take(path) == [] and run.loaded("x")
        assert equal(memory, before), (memory, before)
    os.unlink(buffer)


def test_arrays_of_numpy_of_every_number_format(directory):
    need("numpy")
    for name in ("f2", "f4", "f8", ">f8", "i1", "u1", "i4", "i8", "?", "c8", "c16"):
        x = numpy.arange(1, 13).reshape(3, 4).astype(name)
        spoil_and_take_back(directory, x, x.copy(), lambda x=x: x.fill(0), numpy.array_equal)


def test_a_number_and_a_record_of_numpy(directory):
    need("numpy")
    scalar = numpy.array(2.385)
    spoil_and_take_back(directory, scalar, scalar.copy(), lambda: scalar.fill(0), numpy.array_equal)
    record = numpy.array([(3, 2.385), (4, -1.5)], dtype=[("step", "i4"), ("loss", "f8")])
    spoil_and_take_back(directory, record, record.copy(), lambda: record.fill(0), numpy.array_equal)


def test_a_row_of_an_array_is_filled_in_place(directory):
    need("numpy")
    whole = numpy.arange(12.0).reshape(3, 4)
    spoil_and_take_back(directory, whole[1], whole[1].copy(), lambda: whole[1].fill(7), numpy.array_equal)
    assert (whole == numpy.arange(12.0).reshape(3, 4)).all()


def test_arrays_whose_bytes_are_no_state_are_refused(_):
    need("numpy")
    x = numpy.arange(12.0).reshape(3, 4)
    refused(x.T, "not contiguous")
    refused(x[:, 1:3], "not contiguous")
    refused(numpy.broadcast_to(numpy.zeros(1), (3,)), "read-only")
    refused(numpy.zeros(0), "no bytes")
    refused(numpy.array([{}, []], dtype=object), "addresses")
    refused(numpy.zeros(2, dtype=[("a", "O"), ("b", "f8")]), "addresses")
    refused(numpy.float64(2.385), "read-only")


def test_tensors_of_every_number_format(directory):
    need("torch")
    for name in ("float16", "bfloat16", "float32", "float64", "int8", "uint8", "int64", "bool", "complex64"):
        for shape in ((3, 4), ()):
            x = torch.ones(shape, dtype=getattr(torch, name))
            spoil_and_take_back(directory, x, x.clone(), lambda x=x: x.zero_(), torch.equal)


def test_tensors_without_memory_of_their_own_are_refused(_):
    need("torch")
    for name in ("float32", "bfloat16"):
        x = torch.zeros(3, 4, dtype=getattr(torch, name))
        refused(x.t(), "not contiguous")
    refused(torch.zeros(1).expand(3), "not contiguous")
    refused(torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last), "not contiguous")
    refused(torch.zeros(0), "no bytes")
    refused(torch.zeros(3, 3).to_sparse(), "no memory")
    refused(torch.zeros(3, device="meta"), "no memory", "save and load")


def test_a_model_and_its_optimizer_go_on_from_regions_bit_for_bit(directory):
    """All of torch that a training depends on: weights, running means, velocities, the random state."""
    need("torch")
    torch.manual_seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    random = torch.get_rng_state()

    def train():
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 3)).square().sum().backward()
            optimizer.step()
        return [x.clone() for x in model.state_dict().values()]

    train()  # from the first step on the optimizer has its velocities
    run = clade.start({}, argv=["program"])
    run.state("model", model.state_dict())
    for i, of_parameter in optimizer.state_dict()["state"].items():
        run.state("optimizer.%d" % i, of_parameter)
    run.state("random", random)
    random.copy_(torch.get_rng_state())
    run._regions.write(directory)
    first = train()
    train()
    assert run._regions.take(directory) == []
    torch.set_rng_state(random)
    assert all(torch.equal(a, b) for a, b in zip(first, train()))


tap.run(globals())
