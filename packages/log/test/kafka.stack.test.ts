import { messageLogConformance } from './conformance.ts';
import { kafkaHooks } from './kafka-hooks.ts';

messageLogConformance('Kafka', kafkaHooks);
