import type { MessageLog } from '../message-log.ts';
import { openKafkaLog } from './open.ts';
import type { KafkaLogOptions } from './options.ts';

export type { KafkaLogLimits, KafkaLogOptions, KafkaSasl } from './options.ts';

/**
 * The message log on a Kafka cluster. Makes the topics that are missing. Once it is open, a cluster that goes away is
 * waited for: appends reject meanwhile, consumers go on where they were when it is back.
 *
 * @throws OperatorError when a topic exists with another partition count, or can't be made as asked
 * @throws LogUnavailableError when no broker can be reached for half a minute
 */
export async function createKafkaLog(options: KafkaLogOptions): Promise<MessageLog> {
  const { log } = await openKafkaLog(options);
  return log;
}
