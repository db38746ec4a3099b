/** Any command at all: how it is started, what it inherits, how it ends. */
import { type CommandLine, rows } from './case.ts';

/** A machine's own variables stay there (the rig sets one), `S` is the test's, and a shell sets `_` to what it started. */
const environment = "sort -z | grep -zvE '^(_|S|BUILDSWARM_CACHE)=' | tr '\\0' '\\n'";

const [setxattr, getxattr] = process.arch === 'x64' ? [188, 191] : [5, 8];

export const processRows: readonly CommandLine[] = [
  // arguments and environment
  ...rows(
    'remote',
    '$S /usr/bin/printf "<%s>" "" " " "a  b" "*" "\\$x" "$(printf "new\\nline")"',
    '$S /usr/bin/printf "<%s>" ""',
    "$S /usr/bin/printf '<%s>' $'\\001\\377\\200' '' ''",
    '$S sh -c \'echo "$# ${#1}"\' sh "$(head -c 120000 /dev/zero | tr "\\0" x)"',
    '$S sh -c \'echo "$# $1 ${20000}"\' sh $(seq 20000)',
    `export A= B='x y' C=$'two\\nlines' D=$'\\351'; $S env -0 | ${environment}`,
    "env 'no identifier=1' 'a.b-c=2' '1=3' $S env | grep -E '^(no identifier|a.b-c|1)='",
    'env -i PATH="$PATH" XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR $S /usr/bin/env',
    '$S env -u PATH /usr/bin/env | grep -c ^PATH=; $S sh -c "echo \\$0 \\$PPID" sh | cut -d" " -f1',
    'printf "#!/bin/sh\\necho \\$0 \\$1\\n" >script; chmod +x script; $S ./script x; PATH=.:$PATH; $S script y',
    'printf "echo no shebang\\n" >script; chmod +x script; $S ./script',
    '$S bash -c "exec -a other sh -c \'echo \\$0\'"',
  ),
  // directory
  ...rows(
    'remote',
    '$S /bin/pwd; $S sh -c "echo \\$PWD"',
    'ln -s sub link; cd link; $S /bin/pwd; $S env pwd; $S sh -c "pwd -P; echo \\$PWD"',
    'ln -s sub link; cd link; $S gcc -g -c c.c -o c.o; strings c.o | grep link',
    'ln -s sub link; cd link; $S clang -g -c c.c -o c.o',
    'PWD=/no/such/place; export PWD; $S env pwd; $S gcc -g -c b.c',
    'unset PWD; $S env pwd; $S gcc -g -c b.c',
    'cd sub/../inc; $S /bin/pwd; $S gcc -g -c ../a.c',
  ),
  ...rows(
    'anywhere',
    'mkdir gone; cd gone; rmdir ../gone; $S /bin/pwd; echo $?',
    'mkdir gone; cd gone; rmdir ../gone; $S gcc -c ../b.c; echo $?',
  ),
  ...rows('anywhere', 'cd /; $S /bin/pwd', 'cd /tmp; $S sh -c "exit 3"; echo $?'),
  ...rows({ direct: 'outside-share', served: 'remote' }, '$S readlink /proc/self/cwd'),
  ...rows({ direct: 'outside-share', served: 'unprovable' }, '$S head -c 30 /dev/zero'),
  ...rows({ direct: 'outside-share', served: 'failed-remotely' }, '$S cat /run/no-such-file; echo $?'),
  // how it ends; where it may have had an effect, a death by a signal is final
  ...rows(
    { direct: 'remote', served: 'failed-remotely' },
    ...['ABRT', 'BUS', 'FPE', 'HUP', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'XCPU'].map(
      (signal) => `ulimit -c 0; exec $S sh -c 'kill -${signal} $$'`,
    ),
  ),
  ...rows(
    'remote',
    '$S gcc -S b.c -o - >&-; echo $?',
    '$S true; echo $?',
    '$S sh -c "echo out; echo err >&2"',
  ),
  ...rows(
    'failed-remotely',
    '$S false; echo $?',
    '$S sh -c "exit 255"; echo $?',
    'exec $S sh -c "echo out; echo err >&2; exit 9"',
    '$S cat <&-; echo $?',
    '$S /bin/echo lost >&-; echo $?',
  ),
  ...rows(
    'remote',
    '($S sh -c "kill -STOP \\$\\$" & sleep 0.3; $S true; kill -9 $!; wait $!; echo $?) 2>/dev/null',
    '$S sh -c "sleep 0.2; echo late" ; echo $?',
  ),
  ...rows(
    'anywhere',
    '$S no-such-command 2>/dev/null; [ $? = 127 ]',
    'echo text >text; $S ./text 2>/dev/null; [ $? = 126 ]',
    '$S ./sub 2>/dev/null; [ $? = 126 ]',
    '$S ./no-such-file 2>/dev/null; [ $? = 127 ]',
    'printf "#!/no/such/interpreter\\n" >script; chmod +x script; $S ./script 2>/dev/null; echo $?',
    'PATH=/no/such:$PWD/sub:/usr/bin:/bin:$PATH; $S true; echo $?',
  ),
  // signals to it
  ...rows(
    { direct: 'remote', served: 'waits' },
    '$S sh -c "trap \'echo got it; exit 5\' TERM; echo ready >ready; while :; do sleep 0.05; done 2>/dev/null" & until [ -e ready ]; do sleep 0.05; done; kill -TERM $!; wait $!; echo $?',
    '$S sh -c "trap \'echo got it\' USR1; echo ready >ready; while ! [ -e stop ]; do sleep 0.05; done" & until [ -e ready ]; do sleep 0.05; done; kill -USR1 $!; sleep 0.3; touch stop; wait $!; wait $!; echo $?',
  ),
  ...rows(
    'remote',
    '$S sleep 30 & sleep 0.4; kill -TERM $!; wait $!; echo $?',
    'coproc C { exec $S sh -c "trap \'echo got it; exit 5\' TERM; read x; echo \\$x; while :; do sleep 0.05; done 2>/dev/null"; }; echo go >&"${C[1]}"; read -r r <&"${C[0]}"; kill -TERM $C_PID; read -r s <&"${C[0]}"; echo "$r $s"; wait $C_PID; echo $?',
    "trap '' INT; $S sh -c 'kill -INT $$; echo alive'",
    "trap '' PIPE; $S seq 100000 2>/dev/null | true; echo ${PIPESTATUS[0]}",
    '$S yes | head -n 1; echo ${PIPESTATUS[0]}',
    'timeout 0.5 $S sleep 20; echo $?',
  ),
  // streams
  ...rows(
    'remote',
    'printf "a\\nb\\n" | $S cat',
    '$S cat <plain.txt',
    '$S cat </dev/null',
    '$S cat <<<"here"',
    '(read -r x; $S cat; echo "$x") <plain.txt',
    'printf "1\\n2\\n3\\n" | (read -r x; $S cat; echo "$x")',
    '(printf "1\\n2\\n" | ($S head -c 2; cat)) ',
    '($S true; cat) <plain.txt',
    'printf "one\\ntwo\\n" | ($S sh -c "read x; echo \\$x"; cat)',
    '$S sh -c "echo out; echo err >&2" >both 2>&1; cat both',
    '$S sh -c "echo out; echo err >&2" >out 2>err; cat out err',
    'echo before >log; $S /bin/echo appended >>log; cat log',
    '$S seq 60000 | sha256sum',
    '$S sh -c "seq 30000; seq 40000 >&2" 2>err | sha256sum; sha256sum err',
    '$S sh -c "printf \'\\\\000\\\\377\\\\n\'" | od -c',
    '$S sh -c "echo lost >&2; echo \\$?" 2>&-; echo $?',
    '$S gcc -Wall -c warn.c 2>&-; echo $?',
    '$S gcc -c b.c <&- >&- 2>&-; echo $?',
    '$S /bin/echo x 2>/dev/null >/dev/full; echo $?',
    '$S gcc -Wall -c warn.c 2>/dev/full; echo $?',
    'coproc C { $S sh -c "while read l; do echo \\"<\\$l>\\"; done"; }; echo one >&"${C[1]}"; read -r r <&"${C[0]}"; echo "$r"; eval "exec ${C[1]}>&-"; wait $C_PID; echo $?',
    'script -qec "$S gcc -Wall -c warn.c" /dev/null </dev/null',
    'script -qec "$S clang -Wall -c warn.c" /dev/null </dev/null',
    'script -qec "stty cols 60 rows 20; $S g++ -c error.c" /dev/null </dev/null',
    'script -qec "$S gcc -Wall -c warn.c 2>err" /dev/null </dev/null; cat err',
  ),
  ...rows('descriptor', '$S sh -c "echo three >&3" 3>three; cat three'),
  ...rows('interactive', 'script -qec "$S sh -c \'[ -t 0 ] && [ -t 1 ] && stty size\'" /dev/null </dev/null'),
  // what it leaves behind
  ...rows(
    'remote',
    'umask 000; $S touch x; $S mkdir y; $S gcc -c a.c -MD',
    'umask 027; $S touch x; $S mkdir y; $S gcc -c a.c -MD; $S sh -c umask',
    'umask 077; $S gcc -c a.c -o sub/a.o -MD; $S gcc alone.c -o alone; $S ar rc x.a sub/a.o',
    'umask 777; $S gcc -c a.c; echo $?',
    '$S mkdir -p deep/er/still; $S cp -r sub deep/er; $S mv deep other; ls other/er; $S rm -r other; ls',
    '$S ln -s a.c link; $S ln a.c hard; $S chmod 751 b.c; stat -c "%a %h %N" link hard b.c',
    '$S sh -c "echo new >plain.txt"; cat plain.txt; $S sh -c "cat plain.txt; echo more >>plain.txt"; cat plain.txt',
    '$S sh -c "echo \'#define GENERATED 7\' >generated.h"; $S gcc -c generated.c -MD; $S rm generated.h; ls',
    '$S touch x; touch -d "1 second" later; [ x -ot later ]; echo $?',
    '$S mkfifo pipe; ls -l pipe | cut -c1-10',
    '$S sed -i s/one/ONE/ plain.txt; cat plain.txt; $S sort -r plain.txt -o plain.txt; cat plain.txt',
    '$S tar cf x.tar --mtime=@0 --sort=name sub inc; tar tf x.tar',
    '$S install -m 640 a.c installed; stat -c %a installed',
    'mkdir out; cd out; $S sh -c "for i in 1 2 3 4 5; do echo \\$i >\\$i; done"; cat *',
  ),
  ...rows(
    { direct: 'anywhere', served: 'tree-fault' },
    'mkfifo pipe; (echo through >pipe) & $S sh -c "cat p*pe"; wait',
    `$S perl -e '($f, $n, $v) = ("a.c", "user.kept", "yes"); syscall(${setxattr}, $f, $n, $v, 3, 0)'; echo $?
     perl -e '($f, $n, $v) = ("a.c", "user.kept", "x" x 9); syscall(${getxattr}, $f, $n, $v, 9); print $v'`,
  ),
  // redirected to a file
  ...rows(
    { direct: 'piped', served: 'remote' },
    `$S perl -e 'print "aaaa\\n"; seek(STDOUT, 1, 0); print "X"; close STDOUT; exec "true"' >out; cat out`,
    `$S perl -e 'print -f STDOUT ? "a file" : "none"; print 0 + -s STDOUT; sysseek(STDOUT, 4, 0); syswrite(STDOUT, "x")' >out; cat out`,
    '$S sh -c "echo first; echo 2 >/dev/stdout; echo three" >out; od -c out; $S seq 400000 >out; tail -n 1 out; stat -c %s out',
    '$S sh -c "echo first; echo second >&2; echo 3 >/dev/stdout" >out 2>&1; od -c out; $S sh -c "echo 1; echo 2 >&2" >out 2>err; cat out err',
    '(echo before; $S sh -c "echo one"; $S echo two) >out; $S echo three >>out; cat out',
    '>empty; $S sh -c "echo one; echo two" >>empty; cat empty; $S true >none; stat -c %s none; $S sh -c "exec >&-; echo || :" >none; stat -c %s none',
  ),
  // started with another group, personality, root or mounts than the peer
  ...rows(
    'surroundings',
    'setpriv --regid 7 --clear-groups $S sh -c "id -g; touch x; mkdir y"; setpriv --regid 7 --clear-groups $S gcc -c a.c -MD; stat -c "%g %n" *',
    'setarch i686 $S uname -m; setarch i686 $S sh -c "uname -m >machine"',
    'unshare -m sh -c "mount -t tmpfs x sub; echo int x\\; >sub/n.c; $S gcc -c sub/n.c; mount --bind b.c a.c; $S gcc -c a.c; $S cat a.c"',
  ),
  // words that can be no names
  ...rows(
    'remote',
    '$S sh -c "echo hi; : $(printf "%0300d" 0)"; $S sh -c "echo again"',
    '$S sh -c "echo hi; : $(printf "d/%.0s" $(seq 400))"; $S sh -c "echo again"',
    '$S sh -c "echo hi; : $(printf "d/%.0s" $(seq 2500))"; $S sh -c "echo again"',
  ),
];
