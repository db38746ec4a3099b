/** What rename-bytes.ts asks, of clang. */
import { askDrivers } from './rename-bytes.ts';

askDrivers(['clang', 'clang++']);
