"""Traffic of network interfaces: ESnet's SNMP service, and CSV files of interface counters."""
