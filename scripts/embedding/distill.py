"""Makes src/text/embedding.bin: a static vector of 128 int8 for each of the 30,522 tokens.

    python distill.py CORPUS CACHE ../../src/text/embedding.bin

1. Teacher: unit vectors of every text of the corpus and of every token alone. Kept in CACHE, since this takes the time.
2. Start: token vectors weighted by SIF (Arora et al. 2017), mapped to the teacher by ridge regression, then a correction of
   every token by ridge regression on what is left (conjugate gradients). Cut to the 128 main directions of the teacher's vectors.
3. Refinement: Adam on the squared difference between cosines of the table and of the teacher, over all pairs of a batch.
   Half of each batch are neighbours, or nearly all pairs would be strangers. A twentieth of the corpus says which epoch is kept;
   what is shipped lies half way between start and refinement (as in Wortsman et al. 2022), which holds better on other text.
"""
import pickle
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, diags

import corpus
import table
import teacher

WIDTH = 128
SIF = 1e-3
RIDGE_MAP, RIDGE_TOKEN = 1.0, 0.3
BATCH, EPOCHS, RATE = 512, 6, 2e-3
SEED = 4


def main(folder, cache, out):
    ids, y, alone = taught(folder, Path(cache))
    x = shares(ids, len(alone))
    start = ridge(x, y, alone)
    _, directions = np.linalg.eigh(y.T @ y)
    rows = refine(x, y, (start @ directions[:, ::-1][:, :WIDTH]).astype(np.float32))
    table.write(out, rows, (teacher.MODEL / 'vocab.txt').read_text('utf-8').splitlines())


def taught(folder, cache):
    if not cache.exists():
        ids = [one for one in teacher.encode(corpus.corpus(folder)) if len(one) >= 3]
        vocabulary = len(teacher.weights['embeddings.word_embeddings.weight'])
        cache.write_bytes(pickle.dumps((ids, teacher.embed(ids), teacher.embed([[i] for i in range(vocabulary)]))))
    return pickle.loads(cache.read_bytes())


def shares(ids, vocabulary):
    """Sparse [texts, vocabulary]: the square root of how often each token occurs, its weight in the sum."""
    texts = np.repeat(np.arange(len(ids)), [len(one) for one in ids])
    tokens = np.concatenate(ids)
    x = csr_matrix((np.ones(len(tokens), np.float32), (texts, tokens)), shape=(len(ids), vocabulary))
    x.sum_duplicates()
    x.data = np.sqrt(x.data)
    return x


def ridge(x, y, alone):
    """Rows [vocabulary, 384] whose normalised sum over a text is near the teacher's vector."""
    seen = np.asarray(x.sum(0)).ravel()
    rows = (alone - alone.mean(0)) * (SIF / (SIF + seen / seen.sum()))[:, None].astype(np.float32)
    x = diags((1 / np.maximum(np.linalg.norm(x @ rows, axis=1), 1e-6)).astype(np.float32)) @ x
    z = x @ rows
    rows = rows @ np.linalg.solve(z.T @ z + RIDGE_MAP * np.eye(z.shape[1], dtype=np.float32), z.T @ y)
    return rows + solve((x.T @ x).tocsr(), x.T @ (y - x @ rows), RIDGE_TOKEN)


def solve(a, b, penalty, steps=30):
    """(a + penalty I)^-1 b, each column by conjugate gradients."""
    found, r, p = np.zeros_like(b), b.copy(), b.copy()
    rr = (r * r).sum(0)
    for _ in range(steps):
        ap = a @ p + penalty * p
        alpha = rr / ((p * ap).sum(0) + 1e-12)
        found += alpha * p
        r -= alpha * ap
        after = (r * r).sum(0)
        p = r + (after / (rr + 1e-12)) * p
        rr = after
    return found


def refine(x, y, rows):
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(y))
    held, fitted = order[:len(y) // 20], order[len(y) // 20:]
    # A sum of normal size, so that one rate suits all.
    rows /= np.mean(np.linalg.norm(x @ rows, axis=1))
    start, m, v, step = rows.copy(), np.zeros_like(rows), np.zeros_like(rows), 0
    best, best_loss = rows.copy(), loss_of(x[held], y[held], rows)
    print(f'refinement: start {best_loss:.6f}', flush=True)
    batches = len(fitted) // BATCH
    for epoch in range(EPOCHS):
        for batch in batch_rows(y, fitted, rng):
            step += 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / (EPOCHS * batches)))
            xb, yb = x[batch], y[batch]
            s = xb @ rows
            n = np.maximum(np.linalg.norm(s, axis=1, keepdims=True), 1e-6)
            s /= n
            difference = s @ s.T - yb @ yb.T
            ds = difference @ s * (4 / BATCH)
            ds = (ds - (ds * s).sum(1, keepdims=True) * s) / n
            g = xb.T @ ds
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            rows -= rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.99 ** step)) + 1e-6)
        loss = loss_of(x[held], y[held], rows)
        print(f'epoch {epoch + 1}: {loss:.6f}', flush=True)
        if loss < best_loss:
            best, best_loss = rows.copy(), loss
    return (best + start) / 2


def batch_rows(y, fitted, rng):
    """Half strangers, half neighbours: texts sorted along a random direction of the teacher's space, a run of them."""
    strangers = rng.permutation(fitted)
    near = fitted[np.argsort(y[fitted] @ rng.standard_normal(y.shape[1]).astype(np.float32))]
    half = BATCH // 2
    for i in rng.permutation(len(fitted) // BATCH):
        at = rng.integers(len(near) - half)
        yield np.concatenate([strangers[i * half:(i + 1) * half], near[at:at + half]])


def loss_of(x, y, rows, part=2000):
    s = x[:part] @ rows
    s /= np.maximum(np.linalg.norm(s, axis=1, keepdims=True), 1e-6)
    return float(np.mean((s @ s.T - y[:part] @ y[:part].T) ** 2))


if __name__ == '__main__':
    main(*sys.argv[1:])
