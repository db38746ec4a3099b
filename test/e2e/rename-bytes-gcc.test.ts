/** What rename-bytes.ts asks, of gcc. */
import { askDrivers } from './rename-bytes.ts';

askDrivers(['gcc', 'g++']);
