/** Changes of files and directories, for tests of what other machines see of them. */

/** Each: what is run somewhere, what is then looked at everywhere, and what is to be seen; in a directory of its own, in this order. */
export const steps = [
  ['mkdir -p new/deep; echo one >new/deep/f', 'cat new/deep/f', 'one'],
  ['echo two >new/deep/f', 'cat new/deep/f', 'two'],
  ['echo three >t; mv t new/deep/f', 'cat new/deep/f; ls', 'three new'],
  ['mv new/deep/f new/deep/g', 'ls new/deep; cat new/deep/g', 'g three'],
  ['rm new/deep/g', 'ls new/deep; cat new/deep/g 2>/dev/null || echo none', 'none'],
  [
    'mkdir -p next/deep; echo four >next/deep/f; mv new old; mv next new',
    'cat new/deep/f; ls',
    'four new old',
  ],
  ['echo five >old/x; echo six >new/x; ln -s old link', 'cat link/x', 'five'],
  ['ln -sfn new link', 'cat link/x', 'six'],
  ['chmod 751 new/x; echo more >>new/x', 'stat -c %a,%s new/x; cat new/x', '751,9 six more'],
  ['rm -r old', 'ls; cat old/x 2>/dev/null || echo none', 'link new none'],
  ['ln new/x hard; rm new/x; echo seven >new/x', 'cat hard new/x; stat -c %h hard', 'six more seven 1'],
  ['mkdir empty', 'ls', 'empty hard link new'],
  ['rmdir empty; touch empty', 'stat -c %F empty', 'regular empty file'],
] as const;

/** Whatever is or could be there is looked at, so that the kernel believes it. */
export const prime =
  'ls -lR . >/dev/null; cat new/x new/deep/[fg] old/x link/x hard t empty next/deep/f >/dev/null 2>&1; true';
