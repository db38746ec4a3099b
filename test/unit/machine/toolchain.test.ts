import assert from 'node:assert/strict';
import { closeSync, openSync, readSync } from 'node:fs';
import { test } from 'node:test';
import { parseLoadedObjects, readElfIdentity } from '../../../src/core/elf.ts';
import { parseCpuInfo } from '../../../src/machine/cpu.ts';
import { parseProgramDirs } from '../../../src/machine/toolchain.ts';

test('the program directories of gcc are read once each', () => {
  const text = 'install: /usr/lib/gcc/x/12/\nprograms: =/a/:/b/:/a/:/c d/\nlibraries: =/l/\n';
  assert.deepEqual(parseProgramDirs(text), ['/a/', '/b/', '/c d/']);
  assert.deepEqual(parseProgramDirs('nothing'), []);
});

test('libraries are those that the loader names with a path', () => {
  const text = [
    '\tlinux-vdso.so.1 (0x00007ffd)',
    '\tlibisl.so.23 => /lib/x86_64-linux-gnu/libisl.so.23 (0x00007f8a)',
    '\tlibgone.so => not found',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f8b)',
  ].join('\n');
  assert.deepEqual(parseLoadedObjects(text), [
    '/lib/x86_64-linux-gnu/libisl.so.23',
    '/lib64/ld-linux-x86-64.so.2',
  ]);
});

/** A 64-bit ELF head with an interpreter and one note. */
function elf(note: Buffer): Buffer {
  const head = Buffer.alloc(64 + 2 * 56 + note.length);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(2, 56);
  head.writeUInt32LE(3, 64); // PT_INTERP
  head.writeUInt32LE(4, 64 + 56); // PT_NOTE
  head.writeBigUInt64LE(176n, 64 + 56 + 8);
  head.writeBigUInt64LE(BigInt(note.length), 64 + 56 + 32);
  note.copy(head, 176);
  return head;
}

function note(type: number, name: string, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(data.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, Buffer.from(`${name}\0`.padEnd((name.length + 4) & ~3, '\0')), data]);
}

test('the build id stands in a note of its own, among others', () => {
  const notes = Buffer.concat([
    note(1, 'GNU', Buffer.alloc(16)),
    note(3, 'GNU', Buffer.from('0a0b0c0d', 'hex')),
  ]);
  assert.deepEqual(readElfIdentity(elf(notes)), { buildId: '0a0b0c0d', isDynamic: true });
  assert.deepEqual(readElfIdentity(elf(note(3, 'XYZ', Buffer.alloc(4)))), {
    buildId: undefined,
    isDynamic: true,
  });
});

test('damaged and cut ELF heads never throw', () => {
  const whole = elf(note(3, 'GNU', Buffer.alloc(20, 1)));
  for (let length = 0; length <= whole.length; length++) readElfIdentity(whole.subarray(0, length));
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = 0xff;
    readElfIdentity(damaged);
  }
  assert.equal(readElfIdentity(Buffer.from('#!/bin/sh\n'.padEnd(100))), undefined);
});

test('node itself is a dynamic program', () => {
  // Its head alone: it has 100 MB.
  const head = Buffer.alloc(16_384);
  const file = openSync(process.execPath, 'r');
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  assert.equal(readElfIdentity(head)?.isDynamic, true);
});

test('CPUs are equal by what -march=native asks them, whatever the order of flags and their clock', () => {
  const cpu = (mhz: string, flags: string) =>
    `processor : 0\nvendor_id : V\nmodel name : M X\ncpu MHz : ${mhz}\nflags : ${flags}\n\nprocessor : 1\nvendor_id : W\n`;
  assert.equal(parseCpuInfo(cpu('1', 'a b')).digest, parseCpuInfo(cpu('2', 'b a')).digest);
  assert.notEqual(parseCpuInfo(cpu('1', 'a b')).digest, parseCpuInfo(cpu('1', 'a b avx512f')).digest);
  assert.equal(parseCpuInfo(cpu('1', 'a')).description, 'M X');
});
