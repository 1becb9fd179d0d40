// The process that ClickHouse's engine has to itself; see docs/adr/0028.
import { runClickHouseProcess } from '@milena/embedded';

runClickHouseProcess();
