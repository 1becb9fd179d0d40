// The thread in which ClickHouse's engine makes inserts; see docs/adr/0023.
import { parentPort, workerData } from 'node:worker_threads';
import { answerInserts, type InsertThreadData } from '@milena/embedded/insert-thread';

if (parentPort === null) throw new Error('This is a thread of main.cjs and no program of its own.');

answerInserts(parentPort, workerData as InsertThreadData);
