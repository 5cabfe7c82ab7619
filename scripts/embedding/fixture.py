"""Writes what the `tokenizers` package makes of made-up strings: src/text/testdata/wordpiece.json, a list of [text, token ids].

    python fixture.py ../../src/text/testdata/wordpiece.json
"""
import json
import random
import sys
import unicodedata

import teacher

WORDS = ('the agent called search_flights twice and returned NOTHING useful embeddings unaffable refactoring misstep '
         'gpt-4o-mini v2.10.3 $1,234.56 10% user@example.com https://example.com/a?b=c&d=%20 C:\\tmp\\x.txt snake_case camelCase '
         "don't O'Reilly’s “quoted” —dash– … naïve café Ångström Straße İstanbul ΑΘΉΝΑ Москва ёлка Việt_Nam Zürich ﬁne ﬀ ｆｕｌｌ "
         '東京タワー 我爱北京 한국어 안녕하세요 ひらがな カタカナ ガ ภาษาไทย हिन्दी العَرَبِيَّة עִבְרִית 🙂 👩‍💻 🇫🇷 👍🏽 ☃ © ™ ½ ² № ℃ ∑ ≠ → € £ ¥ '
         'x²+y² H₂O O(n²) a\u0301 e\u0308 \u200bzero\u200bwidth \u00adsoft\u00adhyphen non\u00a0break \ufeffbom a\u0000b bell\u0007s \x7fdel '
         'tab\tsep line\nend cr\rlf vt\x0bff\x0cx nel\x85y \u2028ls \u2029ps \u3000wide \u1680ogham \ufffd \ue000private {"a":[1,2,{"b":null}]} '
         '<b>bold</b> `code` ~/bin/x && rm -rf / || true; #!/bin/sh @@ -1,2 +3,4 @@ ^caret$ ¿qué? ¡hola! «guillemets» 、。「」 ・ ǅ ß ẞ ſ ǆ').split(' ')


def main(path):
    rng = random.Random(7)
    texts = ['', ' ', '\n\t', 'a', '.', '##ing', '[ UNK ]', 'A' * 100, 'A' * 101, 'é' * 100, 'é' * 101, '中' * 5, '🙂' * 101, 'ab' * 60,
             'x' * 99 + '中', '…' * 5, 'hello' * 25, ' '.join(WORDS)] + WORDS
    texts += [rng.choice(['', ' ', '-', '.']).join(rng.choices(WORDS, k=rng.randint(2, 6))) for _ in range(220)]
    pool = [chr(c) for c in (*range(0x20, 0x7f), *range(0xa0, 0x250), *range(0x370, 0x400), *range(0x400, 0x460), *range(0x3040, 0x3100),
                             *range(0x4e00, 0x4e40), *range(0xac00, 0xac40), *range(0x2000, 0x2070), *range(0x1f600, 0x1f640))]
    pool = [c for c in pool if unicodedata.category(c) not in ('Cn', 'Cs')]
    texts += [''.join(rng.choices(pool, k=rng.randint(1, 24))) for _ in range(120)]
    tok = teacher.tokenizer()
    rows = [[text, tok.encode(text, add_special_tokens=False).ids] for text in dict.fromkeys(texts)]
    with open(path, 'w') as file:
        file.write('[\n' + ',\n'.join(json.dumps(row, separators=(',', ':')) for row in rows) + '\n]\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
