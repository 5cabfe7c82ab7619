"""Spearman of the table's cosines against the teacher's, by kind of text. None of it was fitted on.

    python evaluate.py ../../src/text/embedding.bin EVAL/dev

EVAL/dev holds a folder of recorded runs (`*.jsonl.gz`, `*.json.gz`) for each kind.
"""
import gzip
import json
import random
import re
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import table
import teacher

# Folder: what its text is.
KINDS = {
    'hallucination_nocontext': 'answers of an assistant (HaluEval)',
    'grounding': 'dialogue and encyclopaedia (BEGIN, FaithBench)',
    'specification': 'instructions and answers (LLMBar)',
    'whowhen': 'messages between agents (Who&When)',
    'agentrx': 'messages between agents (AgentRx)',
    'tau_airline': 'customer service and tool results (tau-bench)',
    'trail': 'thoughts, code and pages (TRAIL)',
    'injection': 'prompts, mails, attacks',
}
TEXTS = 240  # documents of a kind; four pairs each


def texts_of(folder, rng):
    """Lists of texts of one recorded run each, 25 to 600 characters, in their order."""
    runs = []
    for file in sorted(folder.glob('*.json*.gz')):
        for line in gzip.decompress(file.read_bytes()).decode().split('\n'):
            found = dict.fromkeys(strings(json.loads(line))) if line else {}
            if len(found) >= 2:
                runs.append(list(found))
    rng.shuffle(runs)
    return runs


def strings(value, depth=0):
    if isinstance(value, str):
        if value[:1] in '[{' and depth < 40:
            try:
                yield from strings(json.loads(value), depth + 1)
                return
            except ValueError:
                pass
        for text in re.split(r'\n{2,}', value):
            text = text.strip()[:600]
            if len(text) >= 25 and text.count(' ') >= 3:
                yield text
    elif isinstance(value, list):
        for one in value:
            yield from strings(one, depth + 1)
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one, depth + 1)


def edited(text, rng):
    """One word of six dropped, moved or replaced."""
    words = text.split()
    for _ in range(max(1, len(words) // 6)):
        i, what = rng.randrange(len(words)), rng.random()
        if what < 0.4 and len(words) > 4:
            words.pop(i)
        elif what < 0.7:
            j = rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        else:
            words[i] = rng.choice('the system user result data value time people work model'.split())
    return ' '.join(words)


def pairs_of(folder, seed=1):
    """Pairs (a, b, how they were made): of different runs, neighbours, two of one run, a text and its edit."""
    rng = random.Random(seed)
    runs, pairs = texts_of(folder, rng), []
    for i in range(TEXTS):
        run, other = runs[i % len(runs)], runs[(i * 7 + 3) % len(runs)]
        at = rng.randrange(len(run) - 1)
        pairs += [(run[at], rng.choice(other), 'random'), (run[at], run[at + 1], 'neighbours'),
                  (rng.choice(run), rng.choice(run), 'same run'), (run[at], edited(run[at], rng), 'edit')]
    return [p for p in pairs if p[0] != p[1]]


def cosines(vectors, pairs):
    return np.array([vectors[a] @ vectors[b] for a, b, _ in pairs])


def main(path, folder):
    student, everything, rows = table.read(path), [], []
    print(f'{"text":50s} {"pairs":>6s} {"all":>6s} {"no edits":>9s}')
    for name, what in KINDS.items():
        pairs = pairs_of(Path(folder) / name)
        texts = sorted({t for p in pairs for t in p[:2]})
        ids = teacher.encode(texts)
        gold = cosines(dict(zip(texts, teacher.embed(ids))), pairs)
        mine = cosines(dict(zip(texts, table.pool(student, ids))), pairs)
        edits = np.array([how == 'edit' for *_, how in pairs])
        rows.append((gold, mine, edits))
        show(f'{name}: {what}', gold, mine, edits)
    show('together', *(np.concatenate(part) for part in zip(*rows)))


def show(name, gold, mine, edits):
    rho = spearmanr(gold, mine)[0]
    print(f'{name[:50]:50s} {len(gold):6d} {rho:6.3f} {spearmanr(gold[~edits], mine[~edits])[0]:9.3f}', flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
