"""The hash of a state on disk, as the event `saved` has it (src/worker/publish.c)."""
import os

MASK = (1 << 64) - 1


def mix(x):
    """As cl_mix64."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def content_hash(directory):
    """Of names and contents, for directories without directories in them."""
    lanes, n, size = [1, 2, 3, 4], 0, 0
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), 'rb') as file:
            contents = file.read()
        for piece in (name.encode() + b'\0', *(contents[at:at + 65536] for at in range(0, len(contents), 65536))):
            for at in range(0, len(piece), 8):
                word = int.from_bytes(piece[at:at + 8], 'little')
                lanes[n & 3] = (mix(lanes[n & 3] ^ word) + 0x9E3779B97F4A7C15) & MASK
                n += 1
            size += len(piece)
    a, b = (mix((lanes[i] + f * lanes[i + 1] + size) & MASK) for i, f in ((0, 3), (2, 5)))
    return f'{mix(a ^ (b << 1 & MASK)):016x}{mix(b ^ (a << 1 & MASK)):016x}'
