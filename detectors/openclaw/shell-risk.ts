/**
 * What a command line or script would do that a sandbox is there to prevent: named risks, each a pattern behind a literal that must occur first.
 * Meaning, not style: comments go, variables are put in where they are used, so that a path meets the command that uses it.
 */

export interface Risk {
  readonly name: string;
  /** 0–1: how seldom ordinary agent code does it. Ordered on dev by the share of ordinary code blocks and administrators' one-liners that match. */
  readonly weight: number;
}

interface Rule extends Risk {
  /** One of these must occur, lower case, before the pattern is tried. */
  readonly needs: readonly string[];
  readonly pattern: RegExp;
}

const SYSTEM = String.raw`/(?:etc|bin|sbin|boot|root|sys|proc|dev|lib|lib64|usr)(?=[/\s'";)]|$)`;
const SECRET = String.raw`/etc/(?:passwd|shadow|sudoers|gshadow|ssh|crontab|cron)|/root/|\.ssh/|id_rsa|authorized_keys|\.aws/|\.kube/|\.env\b|\.netrc|\.bash_history|docker\.sock|\.gnupg|\.git-credentials`;

const rules: readonly Rule[] = [
  {
    name: 'download and run',
    weight: 0.95,
    needs: ['curl', 'wget', 'base64', 'urllib', 'requests'],
    pattern:
      /(?:curl|wget)[^\n]{0,300}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|(?:curl|wget)[^\n]{0,300}[;&]+\s*(?:chmod|bash|sh|python|\.\/)|base64\s+(?:-d|--decode)[^\n]{0,200}\|\s*(?:ba)?sh|exec\([^\n]{0,80}(?:urlopen|requests\.get)/i,
  },
  {
    name: 'sends local data out',
    weight: 0.9,
    needs: ['post', 'put', '-d', '--data', '-f', '--upload', 'smtp', 'ftp', 'scp', 'sendall', 'mail'],
    pattern:
      /requests\.(?:post|put)\([^\n]{0,300}(?:files|data|json)\s*=|curl[^\n|;]{0,200}(?:\s-d\s*@|--data\S*[ =]@|\s-F\b|\s-T\b|--upload-file)|wget[^\n]{0,200}--post-file|smtplib|ftplib|\bscp\s+[^\n]{1,200}@|\.sendall?\(/i,
  },
  {
    name: 'writes to a system path',
    weight: 0.85,
    needs: ['/'],
    pattern: new RegExp(
      String.raw`>{1,2}\s*["']?${SYSTEM}|\btee\s+(?:-a\s+)?["']?${SYSTEM}|\b(?:mv|cp|ln|install)\s+[^|;\n]{1,200}\s["']?${SYSTEM}|(?:-O|-o|-P)\s*["']?${SYSTEM}|open\(\s*["']${SYSTEM}[^)]{0,100}["'][wa]|shutil\.(?:copy|move)\w*\([^)]{0,150}["']${SYSTEM}`,
      'i',
    ),
  },
  {
    name: 'removes system files',
    weight: 0.9,
    needs: ['rm', 'unlink', 'remove', 'rmtree', 'shred', 'rmdir'],
    pattern: new RegExp(
      String.raw`\brm\s+[^|;\n]{0,120}["']?${SYSTEM}|\brm\s+-\w*r\w*\s+["']?(?:/|~|\*|\$HOME)(?:\s|$|["'])|(?:os\.(?:remove|unlink|rmdir|removedirs)|shutil\.rmtree|\.unlink)\([^)]{0,120}${SYSTEM}|\bshred\b`,
      'i',
    ),
  },
  {
    name: 'removes trees',
    weight: 0.6,
    needs: ['rm ', 'rmtree', 'os.remove', 'os.unlink', 'removedirs'],
    pattern: /\brm\s+-\w*[rf]\w*|shutil\.rmtree\(|os\.(?:remove|unlink|rmdir|removedirs)\(|send2trash/i,
  },
  {
    name: 'overwrites a disk',
    weight: 0.95,
    needs: ['mkfs', 'dd ', '/dev/sd', 'wipefs', 'fdisk', 'parted'],
    pattern: /\bmkfs|\bdd\s+if=|>\s*\/dev\/sd|\bwipefs\b|\bfdisk\b|\bparted\b/i,
  },
  {
    name: 'opens rights',
    weight: 0.8,
    needs: ['chmod', 'chown', 'setfacl', 'chattr', 'setuid'],
    pattern: new RegExp(
      String.raw`chmod\s+(?:-R\s+)?(?:[0-7]?777|[ugoa]*\+\w*s)|\bch(?:mod|own|grp)\b[^|;\n]{0,120}${SYSTEM}|os\.ch(?:mod|own)\([^)]{0,120}(?:777|${SYSTEM})|\bchattr\b|\bsetuid|\bsetfacl\b`,
      'i',
    ),
  },
  {
    name: 'changes accounts',
    weight: 0.9,
    needs: ['useradd', 'adduser', 'usermod', 'userdel', 'passwd', 'visudo', 'sudoers', 'chpasswd'],
    pattern:
      /\b(?:useradd|adduser|usermod|userdel|visudo|groupadd|chpasswd)\b|\bpasswd\s+\w|>>?\s*\/etc\/(?:sudoers|passwd|shadow)/i,
  },
  {
    name: 'reads secrets',
    weight: 0.8,
    needs: [
      '/etc/',
      '/root',
      '.ssh',
      'id_rsa',
      'authorized_keys',
      '.aws',
      '.kube',
      '.env',
      '.netrc',
      '_history',
      'docker.sock',
      '.gnupg',
      '.git-cred',
    ],
    pattern: new RegExp(
      String.raw`\b(?:cat|less|more|head|tail|cp|tar|strings|xxd|od|grep|awk|sed|open|read_text|copy|copyfile|scp|find|ls)\b[^|;\n]{0,150}(?:${SECRET})`,
      'i',
    ),
  },
  {
    name: 'leaves the container',
    weight: 0.95,
    needs: ['privileged', 'docker.sock', 'nsenter', 'chroot', 'insmod', 'modprobe', 'kexec', 'sysctl', 'mount'],
    pattern:
      /docker\s+run[^\n]{0,200}(?:--privileged|-v\s*\/)|docker\.sock|\bnsenter\b|\bchroot\s|\bkexec\b|\binsmod\b|\bmodprobe\b|\bsysctl\s+-w|\bmount\s+-/i,
  },
  {
    name: 'opens a network shell',
    weight: 0.95,
    needs: ['/dev/tcp', '/dev/udp', 'nc ', 'ncat', 'netcat', 'socat', 'socket'],
    pattern:
      /\/dev\/(?:tcp|udp)\/|\b(?:nc|ncat|netcat)\b[^\n]{0,80}\s-[a-z]*[elc]|\bsocat\b[^\n]{0,120}exec|socket\.[^\n]{0,200}(?:subprocess|dup2)/i,
  },
  {
    name: 'stops services',
    weight: 0.7,
    needs: ['kill', 'shutdown', 'reboot', 'halt', 'systemctl', 'service '],
    pattern:
      /\bkill(?:all)?\s+-?\d*\s*\S|\bpkill\b|\.kill\(|\bshutdown\b|\breboot\b|\bhalt\b|systemctl\s+(?:stop|disable|mask)|\bservice\s+\w+\s+stop/i,
  },
  {
    name: 'starts itself again',
    weight: 0.85,
    needs: ['crontab', '/etc/cron', '.bashrc', '.profile', 'authorized_keys', 'rc.local', 'autostart', 'systemd'],
    pattern:
      /\bcrontab\s+(?!-l)\S|>>?\s*\S*(?:\.bashrc|\.profile|rc\.local|authorized_keys|\/etc\/cron\S*)|\/etc\/systemd\/system\/\S+|autostart/i,
  },
  {
    name: 'hides its traces',
    weight: 0.85,
    needs: ['history', 'histfile', '/var/log', 'shred'],
    pattern: /\bhistory\s+-c|unset\s+HISTFILE|HISTFILE=\/dev\/null|(?:rm|truncate|>)\s*\S*\/var\/log/i,
  },
  {
    name: 'runs what it is given',
    weight: 0.75,
    needs: ['eval', 'exec(', 'os.system', 'subprocess', 'popen', 'pickle', '__import__'],
    pattern:
      /\beval\s+["']?\$|\b(?:eval|exec)\(\s*(?:input|request|user|data|code|cmd|command|open)|(?:os\.system|subprocess\.\w+|popen)\([^)]{0,120}(?:input\(|\+\s*\w|\{|%s|format\()|pickle\.loads?\(|__import__\(/i,
  },
  {
    name: 'downloads to a system path',
    weight: 0.9,
    needs: ['curl', 'wget', 'urlretrieve'],
    pattern: new RegExp(String.raw`(?:curl|wget|urlretrieve)[^\n]{0,300}${SYSTEM}`, 'i'),
  },
  {
    name: 'reads system state',
    weight: 0.75,
    needs: ['/proc/', '/sys/', '/var/lib/', '/var/run/', '/usr/lib/', '/boot'],
    pattern:
      /\b(?:cat|less|more|strings|xxd|od|open|read_text|listdir|glob|scandir|walk|copy|copyfile|Path)\b[^|;\n]{0,150}\/(?:proc\/(?!cpuinfo|meminfo|version|uptime|loadavg|mounts|net)\S|sys\/(?!class)\S|var\/(?:lib|run)\/\S|boot\b|usr\/lib\/pam)/i,
  },
  {
    name: 'hands its input to a socket',
    weight: 0.95,
    needs: ['dup2'],
    pattern: /\bdup2\([^\n]{0,80}(?:fileno|sock)/i,
  },
  {
    name: 'uses up the machine',
    weight: 0.8,
    needs: [':(){', 'fork', 'while true', 'while :', '/dev/urandom', '/dev/zero', 'stress'],
    pattern:
      /:\(\)\s*\{|os\.fork\(\)|while\s+(?:true|:)\s*;?\s*do[^\n]{0,80}&|\byes\s*>|\bstress\b|cat\s+\/dev\/(?:zero|urandom)\s*>/i,
  },
];

/** Characters of a script that are read. */
const LIMIT = 8_192;

/** Risks of a command or script, weightiest first. */
export function risksOf(command: string): Risk[] {
  const text = substituted(command.slice(0, LIMIT));
  const lower = text.toLowerCase();
  return rules
    .filter(({ needs, pattern }) => needs.some((word) => lower.includes(word)) && pattern.test(text))
    .sort((a, b) => b.weight - a.weight);
}

/** Without comments, and with the values of simple variables in their places. */
function substituted(script: string): string {
  const values = new Map<string, string>();
  const lines = script.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  for (const line of lines.slice(0, 200)) {
    const match = /^\s*(?:local |export )?([A-Za-z_]\w{0,40})\s*=\s*["']?([^"'\n$`]{1,200})["']?\s*$/.exec(line);
    if (match) values.set(match[1] as string, (match[2] as string).trim());
  }
  let text = lines.join('\n');
  for (const [name, value] of values) {
    text = text.replaceAll(`\${${name}}`, value).replaceAll(`$${name}`, value);
    if (value.includes('/')) text = text.replaceAll(new RegExp(String.raw`\(\s*${name}\b`, 'g'), `("${value}"`);
  }
  return text.slice(0, 2 * LIMIT);
}
