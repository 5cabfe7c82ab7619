/**
 * What a command line or script would do that a sandbox is there to prevent: named risks, each with words of which one must occur first. Meaning, not
 * style: a rule says what is done to what (a program and its operands, a call and its arguments), in shells, Python, JavaScript, Ruby, Perl and PHP.
 */
import { commandsOf, readScript, SCRIPT_LIMIT, type Script } from './shell-script.ts';

export interface Risk {
  readonly name: string;
  /** 0–1: how seldom ordinary agent code does it. Ordered on dev by the share of ordinary code blocks and administrators' one-liners that match. */
  readonly weight: number;
}

interface Rule extends Risk {
  /** One of these must occur, lower case, before the patterns are tried. */
  readonly needs: readonly string[];
  /** Anywhere in the script. */
  readonly script?: RegExp;
  /** From the start of one simple command: the program, and what it is given. */
  readonly command?: RegExp;
  /** All of these, anywhere: what a call is given may come through a function's parameters. */
  readonly all?: readonly RegExp[];
  /** A path that starts in one directory and climbs into another. */
  readonly climbs?: true;
}

const raw = String.raw;
/** Directories of the system. `/usr/local` and `/opt` are the owner's (Filesystem Hierarchy Standard 3.0, §4.9, §3.13). */
const SYSTEM = raw`(?<![\w.~*-])/(?:etc|bin|sbin|boot|root|sys|proc|dev|lib|lib64|usr(?!/local)|var/(?:log|lib|run|spool))(?=[/\s'";*)]|$)`;
/** Files that say who may do what, or how to get in. */
const SECRET = raw`/etc/(?:passwd|shadow|sudoers|g?shadow|ssh|security|pam|crontab|cron|ssl)|(?<![\w.])/root/|\.ssh/|id_rsa|id_ed25519|authorized_keys|\.aws/|\.kube/|(?<!\w)\.env\b|\.netrc|\.pgpass|\.(?:ba|z)sh_history|docker\.sock|\.gnupg|\.git-credentials|/var/lib/pam|base-passwd|/proc/(?:self|\d+|\*)/(?:environ|mem|maps)`;
/** The system's own state and settings, but for what every program reads to know where it runs. */
const STATE = raw`(?<![\w.])/(?:proc/(?!cpuinfo|meminfo|version|uptime|loadavg|mounts|stat\b|net)[\w*]|sys/(?!class|block|fs)[\w*]|boot/[\w*]|root/[\w.*]|var/(?:log|lib|spool)/[\w*]|etc/(?!os-release|lsb-release|issue|hostname|hosts|timezone|localtime|resolv|mime|services|protocols)[\w*])`;
const READER = raw`(?:cat|tac|nl|less|more|head|tail|strings|xxd|od|hexdump|base(?:64|32)|cp|mv|scp|rsync|tar|zip|dd|source)`;
const READ_CALL = raw`(?:\bopen|read_(?:text|bytes)|readFile(?:Sync)?|File\.(?:read|open)|IO\.read|file_get_contents|copy(?:file|2|tree)?|readlines|fileinput\.input)\s*\(`;
const LIST_CALL = raw`(?:\bi?glob|listdir|scandir|iterdir|readdir(?:Sync)?|Dir\.(?:glob|entries))\s*\(`;
const REMOVE_CALL = raw`(?:os\.(?:remove|unlink|rmdir|removedirs)|shutil\.rmtree|\.unlink|\.rmdir|(?:unlink|rm|rmdir)Sync|fs\.(?:unlink|rm|rmdir)|File\.delete|FileUtils\.rm\w*|\bunlink)\s*\(`;
const CONNECT = raw`(?:socket[.(]|create_connection|net\.(?:connect|createConnection)|TCPSocket|IO::Socket|fsockopen)`;
const SHELL = raw`(?:sudo\s+)?(?:ba|z|da|k)?sh\b|(?:sudo\s+)?(?:python3?|perl|ruby|node|php)\b`;
const PASSWORD = raw`\w*(?:passw(?:or)?d?|passphrase|pwd|secret|credential|(?:\b|_)(?:pin|otp)|api_?key|token)\w*`;

const rules: readonly Rule[] = [
  {
    name: 'runs what it downloads',
    weight: 0.95,
    needs: [
      'curl',
      'wget',
      'fetch',
      'urlopen',
      'requests.get',
      'iwr',
      'webrequest',
      'downloadstring',
      'install http',
      'install -',
    ],
    script: new RegExp(
      raw`\b(?:curl|wget|fetch)\b[^\n]{0,300}\|\s*(?:${SHELL})|\b(?:curl|wget)\b[^\n]{0,300}[;&]+\s*(?:chmod|bash|sh|python3?|\./)|(?:\beval|\bsource|\b(?:ba)?sh\s+-c|\b(?:ba)?sh|\.)\s+["']?[$<]?[(\x60]\s*(?:curl|wget)|\b(?:exec|eval)\s*\([^\n]{0,80}(?:urlopen|requests\.get|fetch\()|(?:iwr|Invoke-WebRequest|DownloadString)[^\n]{0,200}(?:\biex\b|Invoke-Expression)|\b(?:pip3?|npm|gem)\s+install\s[^\n;|]{0,120}http:\/\/`,
      'i',
    ),
  },
  {
    name: 'runs what it decodes',
    weight: 0.95,
    needs: [
      'base64',
      'b64decode',
      'xxd',
      'fromcharcode',
      'atob',
      'rot13',
      'decompress',
      'fromhex',
      'encodedcommand',
      'unhexlify',
    ],
    script: new RegExp(
      raw`(?:base64\s+(?:-d|-D|--decode)|xxd\s+-r|openssl\s+enc\s+-d)[^\n]{0,200}\|\s*(?:${SHELL})|\b(?:exec|eval|system|popen)\s*\([^\n]{0,120}(?:b64decode|decompress|fromhex|unhexlify|rot_?13|atob|fromCharCode|Buffer\.from)|powershell[^\n]{0,80}\s-e(?:nc\w*)?\s`,
      'i',
    ),
  },
  {
    name: 'sends local data out',
    weight: 0.9,
    needs: ['curl', '| nc', '|nc', 'ncat', 'wget', 'requests.p', 'urlopen', 'fetch(', 'smtplib', 'ftplib', '.send'],
    script:
      /requests\.(?:post|put)\([^\n]{0,300}(?:files|data)\s*=\s*(?:open|\{?[^\n]{0,60}(?:open\(|\bfile|content|environ))|\bcurl\b[^\n|;]{0,200}(?:\s-d\s*["']?@|--data\S*[ =]["']?@|\s-F\s*["']?\w+=@|\s-T\s|--upload-file)|wget[^\n]{0,200}--post-file|smtplib|ftplib|\.sendall?\([^\n]{0,80}(?:read\(|environ|content|data\b)|\bcat\s[^\n|]{1,120}\|\s*(?:curl|nc|ncat)\b/i,
    all: [
      /requests\.(?:post|put)\(|urlopen\(|fetch\(/,
      new RegExp(`${READ_CALL}|os\\.environ`),
      new RegExp(`${SECRET}|${STATE}|os\\.environ\\)`),
    ],
  },
  {
    name: 'copies files to another host',
    weight: 0.6,
    needs: ['scp ', 'rsync '],
    command: /^(?:scp|rsync)\s[^\n]{1,200}\s\S+@\S+:\S*\s*$/,
  },
  {
    name: 'writes to a system path',
    weight: 0.85,
    needs: ['/etc', '/bin', '/sbin', '/boot', '/root', '/sys', '/proc', '/dev', '/lib', '/usr', '/var'],
    script: new RegExp(
      raw`>{1,2}\s*["']?${SYSTEM}|\b(?:write_(?:text|bytes)|writeFile(?:Sync)?|appendFile(?:Sync)?|file_put_contents|File\.write|urlretrieve)\([^)\n]{0,100}["']${SYSTEM}|\bopen\(\s*["']${SYSTEM}[^)\n]{0,100}["'][wax]|(?:shutil\.(?:copy|move)\w*|os\.(?:rename|replace|symlink|link))\([^)\n]{0,150}["']${SYSTEM}|Path\(["']${SYSTEM}[^)\n]{0,100}\)\.(?:write|touch|rename)`,
      'i',
    ),
    command: new RegExp(
      raw`^(?:tee\s+(?:-\w+\s+)*["']?${SYSTEM}|(?:mv|cp|ln|install|rsync)\s+[^\n]{1,200}\s["']?${SYSTEM}\S*\s*$|sed\s+-\w*i\S*\s[^\n]{0,200}\s["']?${SYSTEM}|(?:curl|wget)\s(?:[^\n]{0,300}\s)?-[oOP]\s*["']?${SYSTEM}|dd\s[^\n]{0,200}of=${SYSTEM}|(?:touch|mkdir|truncate)\s[^\n]{0,100}${SYSTEM})`,
    ),
    all: [/\bopen\(\s*[A-Za-z_]\w*\s*,\s*["'][wax]b?\+?["']/, new RegExp(`["']${SYSTEM}`)],
  },
  {
    name: 'removes system files',
    weight: 0.9,
    needs: [
      'rm ',
      "'rm'",
      '"rm"',
      'unlink',
      'os.remove',
      'rmtree',
      'shred',
      'rmdir',
      'delete',
      'truncate',
      'send2trash',
      'rmsync',
      'fs.rm',
      '.rm_',
      'rm_r',
    ],
    script: new RegExp(raw`${REMOVE_CALL}[^)\n]{0,120}${SYSTEM}|Path\(["']${SYSTEM}[^)\n]{0,100}\)\.(?:unlink|rmdir)`, 'i'),
    command: new RegExp(
      raw`^(?:(?:rm|unlink|rmdir|shred|truncate)\s[^\n]{0,160}${SYSTEM}|rm\s+(?:-\S+\s+)*-\w*[rR]\w*\s+(?:-\S+\s+)*["']?(?:/\*?|~/?\*?|\*|\$HOME/?\*?)["']?\s*$|find\s+${SYSTEM}[^\n]{0,200}\s-delete|find\s+/\s[^\n]{0,200}-delete)`,
    ),
    all: [new RegExp(raw`(?:${REMOVE_CALL}\s*[A-Za-z_]\w*\s*\)|\.unlink\(\)|send2trash\()`), new RegExp(`["']${SYSTEM}/`)],
  },
  {
    name: 'removes trees',
    weight: 0.6,
    needs: ['rm ', 'rmtree', 'os.remove', 'os.unlink', 'removedirs', 'rm_rf', 'remove-item'],
    script:
      /\brm\s+-\w*[rf]\w*|shutil\.rmtree\(|os\.(?:remove|unlink|rmdir|removedirs)\(|send2trash|rm_rf|Remove-Item\s[^\n]{0,80}-Recurse/i,
  },
  {
    name: 'overwrites a disk',
    weight: 0.95,
    needs: ['mkfs', 'dd ', '/dev/sd', '/dev/nvme', 'wipefs', 'fdisk', 'parted', 'format '],
    script: />\s*\/dev\/(?:sd|nvme|hd|vd|mmcblk)/i,
    command: /^(?:mkfs|wipefs|fdisk\s+(?!-l)|parted\s+(?!-l)|dd\s[^\n]{0,200}of=\/dev\/|format\s+[a-z]:)/i,
  },
  {
    name: 'opens rights',
    weight: 0.8,
    needs: ['chmod', 'chown', 'setfacl', 'chattr', 'setuid', 'chgrp', 'setcap'],
    script: new RegExp(raw`os\.ch(?:mod|own)\([^)]{0,120}(?:777|${SYSTEM})|\bos\.set(?:e?u|g)id\(\s*0`, 'i'),
    command: new RegExp(
      raw`^(?:chmod\s+(?:-\w+\s+)*(?:[0-7]?777|[ugoa]*\+\w*s|[46][0-7]{3})\b|ch(?:mod|own|grp)\b[^\n]{0,120}${SYSTEM}|chattr\s|setcap\s|setfacl\s)`,
    ),
  },
  {
    name: 'changes accounts',
    weight: 0.9,
    needs: ['useradd', 'adduser', 'usermod', 'userdel', 'passwd', 'visudo', 'sudoers', 'chpasswd', 'groupadd', 'net user'],
    script: />>?\s*\/etc\/(?:sudoers|passwd|shadow|group)|NOPASSWD/i,
    command: /^(?:useradd|adduser|usermod|userdel|visudo|groupadd|chpasswd|passwd\s+\w|net\s+user\s+\S+\s+\S+\s+\/add)\b/i,
  },
  {
    name: 'gives commands another meaning',
    weight: 0.9,
    needs: ['alias', 'ld_preload', 'prompt_command'],
    script:
      /\balias\s+(?:sudo|su|ls|cd|cat|ssh|rm)\s*=\s*['"][^\n]{0,80}(?:\brm\s|curl|wget|\bnc\s|\/tmp\/|\.\/)|LD_PRELOAD\s*=\s*\S+|\/etc\/ld\.so\.preload/i,
  },
  {
    name: 'reads secrets',
    weight: 0.8,
    needs: [
      '/etc/',
      '/root',
      '.ssh',
      'id_rsa',
      'id_ed',
      'authorized_keys',
      '.aws',
      '.kube',
      '.env',
      '.netrc',
      '.pgpass',
      '_history',
      'docker.sock',
      '.gnupg',
      '.git-cred',
      '/proc/',
      '/var/lib/',
      'base-passwd',
    ],
    script: new RegExp(
      raw`(?:${READ_CALL}|${LIST_CALL}|Path\()[^)\n]{0,150}(?:${SECRET})|<\s*["']?(?:/\w+)*(?:/etc/shadow|\.ssh/)`,
      'i',
    ),
    command: new RegExp(raw`^(?:${READER}|ls|grep|egrep|awk|sed|cut|sort|getent\s+shadow)\b[^\n]{0,150}(?:${SECRET})`),
    all: [new RegExp(READ_CALL), new RegExp(`["'](?:${SECRET})`)],
  },
  {
    name: 'collects credentials',
    weight: 0.9,
    needs: [
      '169.254.169.254',
      '100.100.100.200',
      'metadata.google',
      'environ',
      'printenv',
      'env |',
      'env|',
      'set |',
      'lsass',
      'mimikatz',
      'keychain',
      'find-generic',
      'login data',
      'grep -',
    ],
    script:
      /169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|mimikatz|lsass|find-generic-password|dump-keychain|Login Data["'/]|\b(?:env|printenv|set)\s*\|\s*(?:curl|nc|ncat|base64)|(?:requests\.post|urlopen|fetch)\([^\n]{0,200}os\.environ\b(?!\[|\.get)|grep\s+-\w*[rR]\w*\s[^\n]{0,80}(?:password|api_?key|secret|BEGIN (?:RSA|OPENSSH))[^\n]{0,60}\s\/(?:\s|home|etc|$)/i,
  },
  {
    name: 'reads system state',
    weight: 0.75,
    needs: ['/proc/', '/sys/', '/var/l', '/var/spool', '/boot', '/etc/', '/root'],
    script: new RegExp(raw`${READ_CALL}[^)\n]{0,100}(?:${STATE})|Path\(\s*["'](?:${STATE})`),
    command: new RegExp(raw`^${READER}\b[^\n|]{0,150}(?:${STATE})`),
    all: [new RegExp(READ_CALL), new RegExp(`["'](?:${STATE})`)],
  },
  {
    name: 'climbs out of a directory',
    weight: 0.75,
    needs: ['../'],
    climbs: true,
  },
  {
    name: 'lists system directories',
    weight: 0.7,
    needs: ['glob(', 'listdir', 'scandir', 'iterdir', 'readdir', 'dir.', 'ls '],
    script: new RegExp(raw`${LIST_CALL}[^)\n]{0,100}${SYSTEM}`),
    command: new RegExp(raw`^ls\b[^\n]{0,100}\s["']?/(?:root|proc/\w|sys|boot|etc/(?:ssh|ssl|pam|security|sudo))`),
    all: [new RegExp(raw`${LIST_CALL}\s*[A-Za-z_]\w*\s*\)`), new RegExp(`["']${SYSTEM}`)],
  },
  {
    name: 'leaves the container',
    weight: 0.95,
    needs: [
      'privileged',
      'docker',
      'nsenter',
      'chroot',
      'insmod',
      'rmmod',
      'modprobe',
      'kexec',
      'sysctl',
      'mount ',
      'unshare',
      'release_agent',
      'core_pattern',
    ],
    script:
      /docker\s+run[^\n]{0,200}(?:--privileged|--pid[= ]host|-v\s*\/(?:[\s:]|etc|root|var\/run))|docker\.sock|release_agent|core_pattern/i,
    command:
      /^(?:nsenter\b|chroot\s|kexec\s|insmod\s|modprobe\s+(?!-[lnc])|rmmod\s|sysctl\s+-w|mount\s+-|mount\s+\/dev|unshare\s)/i,
  },
  {
    name: 'takes more rights',
    weight: 0.9,
    needs: ['sudo', 'pkexec', 'setuid(0', '-perm'],
    script: /sudo\s+-S\b|\|\s*sudo\s+-S|\bpkexec\s|sudo\s+(?:-i|su\b)|os\.setuid\(0/i,
    command: /^find\s+\/\s[^\n]{0,80}-perm\s+[-/]?(?:-?u=s|[246]000)/,
  },
  {
    name: 'opens a network shell',
    weight: 0.95,
    needs: [
      '/dev/tcp',
      '/dev/udp',
      'nc ',
      'ncat',
      'netcat',
      'socat',
      'socket',
      'create_connection',
      'net.connect',
      'createconnection',
      'fsockopen',
      'ngrok',
      'mkfifo',
    ],
    script: new RegExp(
      raw`/dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat)\b[^\n]{0,80}\s(?:-\w*[ec]\s*\S*sh\b|-\w*l\w*\s[^\n]{0,40}-e|-\w*l\w*p?\w*\s+\d)|\bsocat\b[^\n]{0,120}exec|mkfifo[^\n]{0,160}\b(?:nc|ncat|telnet)\b|\bngrok\s+(?:tcp|http)`,
      'i',
    ),
    all: [
      new RegExp(CONNECT),
      /\.connect\(|\.bind\(|\.accept\(|net\.connect|createConnection|TCPSocket|create_connection|fsockopen/,
      /\bdup2\(|subprocess\.|pty\.spawn|os\.(?:system|popen|exec\w+)\(|child_process|\bexec\s*\(|\bspawn\(|\bPopen\(|["']\/bin\/(?:ba)?sh/,
    ],
  },
  {
    name: 'stops services',
    weight: 0.7,
    needs: ['kill', 'shutdown', 'reboot', 'halt', 'systemctl', 'service ', 'iptables', 'ufw', 'setenforce', 'process_iter'],
    script: /\bos\.kill(?:pg)?\(/i,
    all: [/process_iter/, /\.(?:kill|terminate)\(/],
    command:
      /^(?:kill(?:all)?\s+-?\w*\s*\S|pkill\s|shutdown\b|reboot\b|halt\b|poweroff\b|systemctl\s+(?:stop|disable|mask)|service\s+[\w-]+\s+stop|iptables\s+(?:-F|--flush|-P\s+INPUT\s+ACCEPT)|ufw\s+disable|setenforce\s+0)/i,
  },
  {
    name: 'starts itself again',
    weight: 0.85,
    needs: [
      'crontab',
      '/etc/cron',
      'bashrc',
      'profile',
      'authorized_keys',
      'rc.local',
      'autostart',
      'systemd',
      'currentversion\\run',
      'schtasks',
      'launchagents',
      'zshrc',
    ],
    script:
      /\|\s*crontab\s+-(?:\s|$)|\bcrontab\s+(?!-)\S|>>?\s*\S*(?:\.(?:ba|z)shrc|\.profile|\.bash_profile|rc\.local|authorized_keys|\/etc\/cron\S*)|(?:>|cp\s[^\n]{0,100}|open\(\s*["'])\S*\/etc\/systemd\/system\/\S+|autostart\/|LaunchAgents\/|CurrentVersion\\+Run|schtasks\s[^\n]{0,40}\/create|open\([^)\n]{0,80}(?:\.bashrc|\.profile|\.zshrc|authorized_keys)[^)\n]{0,10}["']a/i,
  },
  {
    name: 'hides its traces',
    weight: 0.85,
    needs: ['history -c', 'histfile', 'histsize', '_history', '/var/log', 'shred', 'auditctl', 'wevtutil', 'journalctl'],
    script:
      /\bhistory\s+-c|unset\s+HISTFILE|HIST(?:FILE|SIZE)=(?:\/dev\/null|0|\s*(?:$|\n))|>\s*\S*(?:\/var\/log|_history)|wevtutil\s+cl|auditctl\s+-e\s*0|journalctl\s+--vacuum/i,
    command: /^(?:(?:rm|truncate|shred|unlink)\s[^\n]{0,120}(?:\/var\/log|_history)|shred\s+(?:-\S+\s+)*-\w*u)/,
  },
  {
    name: 'runs what it is given',
    weight: 0.75,
    needs: ['eval', 'exec', 'os.system', 'subprocess', 'popen', '__import__', 'child_process', 'template'],
    script:
      /\beval\s+["']?\$|\b(?:eval|exec)\(\s*(?:input|request|user|data|code|cmd|command|open|compile|expr\w*|sys\.argv)|(?:os\.system|popen|subprocess\.\w+)\([^)\n]{0,120}(?:input\(|sys\.argv|request\.)|(?:os\.system|os\.popen)\(\s*(?:f["'][^\n]{0,120}\{|["'][^"'\n]{0,120}["']\s*(?:\+|%|\.format))|__import__\(\s*["']os["']\s*\)\s*\.|\bTemplate\(\s*(?:request|input|user)\w*|render_template_string\(\s*(?:request|input|user)|child_process[^\n]{0,80}exec[^\n]{0,80}(?:\+|\$\{)/i,
  },
  {
    name: 'loads objects that run code',
    weight: 0.75,
    needs: ['pickle', 'marshal', 'yaml', 'shelve', 'unserialize', 'dill', 'joblib'],
    script:
      /\b(?:c?pickle|dill|marshal|cloudpickle)\.loads\(|jsonpickle\.decode\(|yaml\.(?:unsafe_load|full_load)\(|yaml\.load\((?![^)\n]{0,120}SafeLoader)|Marshal\.load|\bunserialize\(\s*\$_|__reduce__/i,
  },
  {
    name: 'uses up the machine',
    weight: 0.8,
    needs: [
      ':(){',
      ': (){',
      ':() {',
      'fork',
      'while true',
      'while :',
      '/dev/urandom',
      '/dev/zero',
      'stress',
      'yes >',
      'yes>',
      'fallocate',
      'truncate',
      '* 1',
      '00000',
      'np.zeros',
      'np.ones',
      'np.random',
    ],
    script:
      /:\s*\(\)\s*\{\s*:|while\s*\(?(?:true|1|:)\)?\s*:?\s*[^\n]{0,20}\n?\s*(?:os\.)?fork\(\)|while\s+(?:true|:)\s*;?\s*do[^\n]{0,80}&\s*(?:;|done)|\byes\s*>|cat\s+\/dev\/(?:zero|urandom)\s*>|dd\s+if=\/dev\/(?:zero|urandom)\s[^\n]{0,80}count=\d{5,}|(?:fallocate|truncate)\s[^\n]{0,40}\d{2,}[GT]/i,
    command: /^stress(?:-ng)?\s/,
    all: [
      /\b(?:for|while)\b/,
      /\.(?:append|push|extend|add)\(|\w+\[[^\]\n]{1,40}\]\s*=/,
      /["'\])]\s*\*\s*(?:\d{5,}|10\s*\*\*\s*[5-9]|1e[5-9]|\d+\s*\*\s*1024\s*\*\s*1024)|\.repeat\(\d{5,}|np\.(?:zeros|ones|random\.\w+)\(\(?\s*\d{4,}\s*,\s*\d{4,}/,
    ],
  },
  {
    name: 'keeps a password in its code',
    weight: 0.7,
    needs: ['pass', 'pwd', 'secret', 'credential', 'pin_', '_pin', ' pin', 'otp', 'api_key', 'apikey', 'token'],
    script: new RegExp(
      raw`\b(?:if|return|assert|elif|while|\[\[?)[^\n]{0,80}(?:${PASSWORD})["'}]*\s*(?:={1,3}|!==?|-eq|-ne)\s*["'](?=[^"'\n$]*\w)[^"'\n$]{3,64}["']`,
      'i',
    ),
    all: [
      new RegExp(raw`^\s*(?:local |const |let |my )?\$?${PASSWORD}\s*=\s*["'][^"'\n$]{3,64}["']`, 'im'),
      new RegExp(
        raw`(?:${PASSWORD}|\])["'}]*\s*(?:={2,3}|!==?|-eq|-ne)\s*["'$\{\w]|(?:={2,3}|!==?|-eq|-ne)\s*["']?[$\{]*${PASSWORD}|compare_digest\(`,
        'i',
      ),
    ],
  },
  {
    name: 'hashes a password with a fast hash',
    weight: 0.7,
    needs: ['md5', 'sha1', 'sha2', 'sha3', 'sha5', 'crc32', 'hashlib', 'dgst'],
    script: new RegExp(
      raw`(?:${PASSWORD})[^\n]{0,80}\|\s*(?:(?:md5|sha\d+)sum|openssl\s+dgst)|(?:hashlib\.|\b)(?:md5|sha\d\w*|crc32)\([^\n]{0,60}${PASSWORD}|createHash\([^\n]{0,60}update\([^\n]{0,40}${PASSWORD}`,
      'i',
    ),
    all: [/hashlib\.(?:md5|sha\w+|new)\(|zlib\.crc32\(/, new RegExp(raw`\.update\([^\n]{0,60}${PASSWORD}`, 'i')],
  },
];

/** All words in one: most ordinary code holds none of them, and is not read further. */
const anyWord = new RegExp(
  [...new Set(rules.flatMap(({ needs }) => needs))].map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'),
);

/** Risks of a command or script, weightiest first. */
export function risksOf(command: string): Risk[] {
  const lower = command.slice(0, SCRIPT_LIMIT).toLowerCase();
  if (!anyWord.test(lower)) return [];
  const possible = rules.filter(({ needs }) => needs.some((word) => lower.includes(word)));
  if (possible.length === 0) return [];
  const script = readScript(command);
  const commands = possible.some((rule) => rule.command) ? commandsOf(script.text) : [];
  return possible.filter((rule) => holds(rule, script, commands)).sort((a, b) => b.weight - a.weight);
}

function holds(rule: Rule, { text, climbs }: Script, commands: readonly string[]): boolean {
  const { script, command, all } = rule;
  return (
    script?.test(text) === true ||
    (command !== undefined && commands.some((one) => command.test(one))) ||
    all?.every((pattern) => pattern.test(text)) === true ||
    (rule.climbs === true && climbs)
  );
}
