/**
 * The `-fNAME`, `-fno-NAME` and `-fNAME=VALUE` options of gcc 12 and clang 14 (C, C++, Objective-C) that change only
 * what is generated or diagnosed: they read and write no file by name, and neither the name of the output nor
 * that of the dependency file gets into a byte of either. Those that do are in driver-option-table.ts;
 * a name in neither place is unknown, and a command with it writes in place.
 */
const names = `
  error-limit macro-backtrace-limit constexpr-backtrace-limit constexpr-steps bracket-depth caret-diagnostics
  diagnostics-show-category spell-checking-limit
  PIC PIE aapcs-bitfield-load aapcs-bitfield-width abi-compat-version abi-version access-control addrsig
  aggressive-loop-optimizations align-functions align-jumps align-labels align-loops aligned-allocation
  aligned-new allocation-dce allow-editor-placeholders allow-leading-underscore
  allow-parameterless-variadic-functions allow-store-data-races alt-external-templates altivec-src-compat
  ansi-escape-codes approx-func argument-alias argument-noalias argument-noalias-anything
  argument-noalias-global asan-shadow-offset asm associative-math assume-sane-operator-new
  async-exceptions asynchronous-unwind-tables auto-inc-dec autolink basic-block-sections binutils-version
  bit-tests blocks borland-extensions branch-count-reg branch-target-load-optimize
  branch-target-load-optimize2 btr-bb-exclusive building-libgcc building-libgfortran
  building-libphobos-tests builtin builtin-printf c++-abi c++-static-destructors call-saved- call-used-
  caller-saves canonical-system-headers cf-protection char8_t check-data-deps check-new
  check-pointer-bounds cilkplus clang-abi-compat code-hoisting color-diagnostics combine-stack-adjustments
  comment-block-commands common compare-elim complete-member-pointers concepts concepts-diagnostics-depth
  concepts-ts cond-mismatch conserve-space conserve-stack const-string-class constant-cfstrings
  constexpr-cache-depth constexpr-depth constexpr-fp-except constexpr-loop-limit constexpr-ops-limit
  convergent-functions coroutines coroutines-ts coverage-compilation-dir coverage-prefix-map
  cprop-registers crash-diagnostics crash-diagnostics-dir crossjumping cse-follow-jumps cse-skip-blocks
  cx-fortran-rules cx-limited-range cxx-exceptions data-sections dce debug-compilation-dir debug-cpp
  debug-default-version debug-info-for-profiling debug-macro debug-prefix-map debug-ranges-base-address
  debug-types-section declone-ctor-dtor declspec deduce-init-list default-inline defer-pop delayed-branch
  delayed-template-parsing delete-dead-exceptions delete-null-pointer-checks devirtualize
  devirtualize-at-ltrans devirtualize-speculatively diagnostics-absolute-paths diagnostics-color
  diagnostics-column-origin diagnostics-column-unit diagnostics-escape-format diagnostics-fixit-info
  diagnostics-hotness-threshold diagnostics-minimum-margin-width diagnostics-parseable-fixits
  diagnostics-path-format diagnostics-plain-output diagnostics-print-source-range-info
  diagnostics-show-caret diagnostics-show-cwe diagnostics-show-hotness diagnostics-show-labels
  diagnostics-show-line-numbers diagnostics-show-location diagnostics-show-note-include-stack
  diagnostics-show-option diagnostics-show-path-depths diagnostics-show-template-tree diagnostics-urls
  digraphs direct-access-external-data discard-value-names dollars-in-identifiers
  double-square-bracket-attributes dse dwarf-exceptions dwarf2-cfi-asm early-inlining elide-constructors
  elide-type eliminate-dwarf2-dups eliminate-unused-debug-symbols eliminate-unused-debug-types
  emit-all-decls emit-class-debug-always emit-struct-debug-baseonly emit-struct-debug-detailed
  emit-struct-debug-reduced emulated-tls enable-matrix enforce-eh-specs enum-int-equiv exceptions
  excess-precision exec-charset expensive-optimizations experimental-new-constant-interpreter
  experimental-relative-c++-abi-vtables experimental-strict-floating-point ext-numeric-literals
  extend-arguments extended-identifiers extern-tls-init external-templates fast-math fat-lto-objects
  file-compilation-dir file-prefix-map fine-grained-bitfield-accesses finite-loops finite-math-only fixed-
  fixed-point float-store fold-simple-inlines for-scope force-addr force-dwarf-frame force-emit-vtables
  force-enable-int128 forward-propagate fp-contract fp-exception-behavior fp-int-builtin-inexact fp-model
  freestanding friend-injection fuchsia-api-level function-cse function-sections gcse gcse-after-reload
  gcse-las gcse-lm gcse-sm global-isel gnat-encodings gnu-inline-asm gnu-keywords gnu-runtime gnu-tm
  gnu-unique gnu89-inline gnuc-version graphite graphite-identity guess-branch-probability guiding-decls
  handle-exceptions harden-compares harden-conditional-branches hoist-adjacent-loads honor-std hosted
  huge-objects ident if-conversion if-conversion2 ignore-exceptions implement-inlines implicit-constexpr
  implicit-inline-templates implicit-templates indirect-inlining inhibit-size-directive inline
  inline-atomics inline-functions inline-functions-called-once inline-hint-functions inline-limit
  inline-limit- inline-small-functions input-charset instrument-function-entry-bare instrument-functions
  instrument-functions-after-inlining instrument-functions-exclude-file-list
  instrument-functions-exclude-function-list integrated-as ipa-bit-cp ipa-cp ipa-cp-alignment ipa-cp-clone
  ipa-icf ipa-icf-functions ipa-icf-variables ipa-modref ipa-profile ipa-pta ipa-pure-const ipa-ra
  ipa-reference ipa-reference-addressable ipa-sra ipa-stack-alignment ipa-strict-aliasing ipa-struct-reorg
  ipa-vrp ira-algorithm ira-hoist-pressure ira-loop-pressure ira-region ira-share-save-slots
  ira-share-spill-slots ira-verbose isolate-erroneous-paths-attribute isolate-erroneous-paths-dereference
  ivopts jump-tables keep-gc-roots-live keep-inline-functions keep-static-consts keep-static-functions
  labels-ok large-source-files lax-vector-conversions leading-underscore legacy-pass-manager lifetime-dse
  limit-function-alignment live-patching live-range-shrinkage local-ivars loop-block loop-flatten
  loop-interchange loop-nest-optimize loop-optimize loop-parallelize-all loop-strip-mine
  loop-unroll-and-jam lra-remat lto lto-compression-level lto-jobs lto-odr-type-merging lto-partition
  lto-report lto-report-wpa macro-prefix-map math-errno max-errors max-include-depth max-tokens
  max-type-align mem-report mem-report-wpa merge-all-constants merge-constants merge-debug-strings
  message-length minimize-whitespace modulo-sched modulo-sched-allow-regmoves move-loop-invariants
  move-loop-stores ms-compatibility ms-compatibility-version ms-extensions ms-hotpatch msc-version new-abi
  new-alignment new-infallible new-inheriting-ctors new-ttp-matching next-runtime nil-receivers
  non-call-exceptions nonansi-builtins nonnull-objects nothrow-opt objc-arc objc-exceptions objc-runtime
  objc-weak omit-frame-pointer openacc openacc-dim openmp openmp-enable-irbuilder openmp-extensions
  openmp-implicit-rpath openmp-new-driver openmp-simd openmp-version operator-names optimize-register-move
  optimize-sibling-calls optimize-strlen optional-diags pack-struct partial-inlining pascal-strings
  patchable-function-entry pcc-struct-return peel-loops peephole peephole2 permissive
  permitted-flt-eval-methods pic pie plan9-extensions plt post-ipa-mem-report pre-ipa-mem-report
  predictive-commoning prefetch-loop-arrays preserve-as-comments pretty-templates printf-return-value
  protect-parens random-seed reciprocal-math record-gcc-switches ree reg-struct-return
  register-global-dtors-with-atexit regmove relaxed-template-template-args rename-registers reorder-blocks
  reorder-blocks-algorithm reorder-blocks-and-partition reorder-functions replace-objc-classes
  reroll-loops rerun-cse-after-loop rerun-loop-opt reschedule-modulo-scheduled-loops rounding-math
  rtlib-add-rpath rtti rtti-data sanitize sanitize-address-destructor sanitize-address-field-padding
  sanitize-address-globals-dead-stripping sanitize-address-outline-instrumentation
  sanitize-address-poison-custom-array-cookie sanitize-address-use-after-return
  sanitize-address-use-after-scope sanitize-address-use-odr-indicator sanitize-cfi-canonical-jump-tables
  sanitize-cfi-cross-dso sanitize-cfi-icall-generalize-pointers sanitize-coverage sanitize-hwaddress-abi
  sanitize-hwaddress-experimental-aliasing sanitize-memory-param-retval sanitize-memory-track-origins
  sanitize-memory-use-after-dtor sanitize-recover sanitize-sections sanitize-stats sanitize-thread-atomics
  sanitize-thread-func-entry-exit sanitize-thread-memory-access sanitize-trap
  sanitize-undefined-strip-path-components sanitize-undefined-trap-on-error sched-critical-path-heuristic
  sched-dep-count-heuristic sched-group-heuristic sched-interblock sched-last-insn-heuristic
  sched-pressure sched-rank-heuristic sched-spec sched-spec-insn-heuristic sched-spec-load
  sched-spec-load-dangerous sched-stalled-insns sched-stalled-insns-dep sched-verbose
  sched2-use-superblocks sched2-use-traces schedule-fusion schedule-insns schedule-insns2 section-anchors
  seh-exceptions sel-sched-pipelining sel-sched-pipelining-outer-loops sel-sched-reschedule-pipelined
  selective-scheduling selective-scheduling2 semantic-interposition short-enums short-wchar show-column
  show-overloads show-skipped-includes show-source-location shrink-wrap shrink-wrap-separate
  signaling-nans signed-bitfields signed-char signed-zeros simd-cost-model single-precision-constant
  sized-deallocation sjlj-exceptions slp-vectorize spell-checking split-dwarf-inlining
  split-ivs-in-unroller split-loops split-lto-unit split-machine-functions split-paths split-stack
  split-wide-types split-wide-types-early squangle ssa-backprop ssa-phiopt sso-struct stack-check
  stack-clash-protection stack-limit stack-limit-register stack-limit-symbol stack-protector
  stack-protector-all stack-protector-explicit stack-protector-strong stack-reuse stack-size-section
  standalone-debug stdarg-opt store-merging strength-reduce strict-aliasing strict-enums
  strict-flex-arrays strict-float-cast-overflow strict-overflow strict-prototype strict-return
  strict-volatile-bitfields strict-vtable-pointers strong-eval-order swift-async-fp sync-libcalls tabstop
  temp-file template-backtrace-limit template-depth template-depth- this-is-variable thread-jumps
  threadsafe-statics time-report time-report-details tls-model toplevel-reorder tracer
  track-macro-expansion trampolines trap-function trapping-math trapv trapv-handler tree-bit-ccp
  tree-builtin-call-dce tree-ccp tree-ch tree-coalesce-inlined-vars tree-coalesce-vars tree-copy-prop
  tree-copyrename tree-cselim tree-dce tree-dominator-opts tree-dse tree-forwprop tree-fre
  tree-loop-distribute-patterns tree-loop-distribution tree-loop-if-convert tree-loop-if-convert-stores
  tree-loop-im tree-loop-ivcanon tree-loop-linear tree-loop-optimize tree-loop-vectorize
  tree-parallelize-loops tree-partial-pre tree-phiprop tree-pre tree-pta tree-reassoc tree-salias
  tree-scev-cprop tree-sink tree-slp-vectorize tree-slsr tree-sra tree-store-ccp tree-store-copy-prop
  tree-switch-conversion tree-tail-merge tree-ter tree-vect-loop-version tree-vectorize
  tree-vectorizer-verbose tree-vrp trigraphs trivial-auto-var-init trivial-auto-var-init-stop-after
  unconstrained-commons unique-basic-block-section-names unique-internal-linkage-names
  unique-section-names unit-at-a-time unroll-all-loops unroll-completely-grow-size unroll-loops
  unsafe-loop-optimizations unsafe-math-optimizations unsigned-bitfields unsigned-char unswitch-loops
  unwind-tables use-cxa-atexit use-cxa-get-exception-ptr use-init-array use-ld use-line-directives
  use-linker-plugin var-tracking var-tracking-assignments var-tracking-assignments-toggle
  var-tracking-uninit variable-expansion-in-unroller veclib vect-cost-model vectorize verbose-asm
  version-loops-for-strides virtual-function-elimination visibility visibility-dllexport
  visibility-externs-dllimport visibility-externs-nodllstorageclass visibility-from-dllstorageclass
  visibility-global-new-delete-hidden visibility-inlines-hidden visibility-inlines-hidden-static-local-var
  visibility-ms-compat visibility-nodllstorageclass vpt vtable-gc vtable-thunks vtable-verify vtv-counts
  vtv-debug wasm-exceptions weak web whole-program whole-program-vtables wide-exec-charset wrapv
  wrapv-pointer writable-strings xray-always-emit-customevents xray-always-emit-typedevents
  xray-function-groups xray-function-index xray-ignore-loops xray-instruction-threshold xray-instrument
  xray-instrumentation-bundle xray-link-deps xray-modes xray-selected-function-group zero-call-used-regs
  zero-initialized-in-bss zero-link
`;

const plain: ReadonlySet<string> = new Set(names.split(/\s+/).filter((name) => name !== ''));

/** True if `option` (`-f…`, as it stands in the command line) is one of the harmless ones named above. */
export function isPlainFeature(option: string): boolean {
  const equals = option.indexOf('=');
  const name = option.slice(2, equals < 0 ? undefined : equals);
  if (plain.has(name)) return true;
  if (name.startsWith('no-')) return plain.has(name.slice(3)) || name.startsWith('no-builtin-');
  return /^(?:builtin|fixed|call-saved|call-used|inline-limit|template-depth|abi-version)-[\w.+-]+$/.test(
    name,
  );
}
