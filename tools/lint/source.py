"""What the lint rules written in Python share: the C files of a directory, their text without comments, and findings."""
import os
import pathlib
import re
import sys

COMMENT_OR_LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def walk(root, *suffixes):
    """Files under root with one of these suffixes, sorted, as paths relative to root; no build or hidden directories."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(('.', 'build', '__pycache__'))]
        found += [pathlib.Path(folder, n).relative_to(root) for n in names if n.endswith(suffixes)]
    return sorted(found)


def blank(text, literals):
    """The text with comments (and literals, when asked) replaced by blanks of the same shape: line numbers stay."""
    def replace(match):
        token = match.group(0)
        if token[0] in '"\'' and not literals:
            return token
        return re.sub(r'[^\n]', ' ', token)
    return COMMENT_OR_LITERAL.sub(replace, text)


def lines(root, path, literals=True):
    """(number, line) of a C file without comments and, when `literals`, without the contents of literals."""
    return enumerate(blank((root / path).read_text(errors='replace'), literals).splitlines(), 1)


def root_of(arguments):
    """The directory a rule looks at: its first argument, else the repository."""
    return pathlib.Path(arguments[0] if arguments else os.path.join(os.path.dirname(__file__), '../..')).resolve()


def finish(findings):
    """Print findings, (path, line, sentence) each, and leave with 1 if there are any."""
    for path, line, sentence in findings:
        print(f'{path}:{line}: {sentence}')
    sys.exit(1 if findings else 0)
