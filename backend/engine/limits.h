/* BigQuery's limits of 24 hours that the engine keeps books of. */
#ifndef BW_ENGINE_LIMITS_H
#define BW_ENGINE_LIMITS_H

#define BW_TABLE_MODIFICATIONS     1500  /* of a table */
#define BW_PARTITION_MODIFICATIONS 30000 /* of a partitioned table's partitions */
#define BW_PROJECT_LOAD_JOBS       100000

#endif
