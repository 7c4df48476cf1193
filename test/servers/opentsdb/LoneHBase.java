import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.LocalHBaseCluster;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.ColumnFamilyDescriptorBuilder;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;
import org.apache.hadoop.hbase.client.TableDescriptorBuilder;
import org.apache.hadoop.hbase.zookeeper.MiniZooKeeperCluster;

/**
 * A whole HBase in one process, for tests: ZooKeeper, one master, one region server, files on the local disk, loopback only.
 *
 * Arguments: the data directory, the ZooKeeper port. Prints HBASE_READY when OpenTSDB's tables are there. SIGTERM flushes and ends it.
 */
public final class LoneHBase {
  /** OpenTSDB's tables and their column families, as its own creation script names them. */
  private static final Map<String, List<String>> TABLES =
      Map.of("tsdb", List.of("t"), "tsdb-uid", List.of("id", "name"), "tsdb-tree", List.of("t"), "tsdb-meta", List.of("name"));

  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[0]).toAbsolutePath();
    int zooKeeperPort = Integer.parseInt(arguments[1]);
    Files.createDirectories(directory);
    Configuration settings = settings(directory, zooKeeperPort);

    MiniZooKeeperCluster zooKeeper = new MiniZooKeeperCluster(settings);
    zooKeeper.setDefaultClientPort(zooKeeperPort);
    int port = zooKeeper.startup(directory.resolve("zookeeper").toFile());
    if (port != zooKeeperPort) throw new IllegalStateException("port " + zooKeeperPort + " is taken, ZooKeeper went to " + port);

    LocalHBaseCluster hbase = new LocalHBaseCluster(settings, 1, 1);
    hbase.startup();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(hbase, zooKeeper)));
    createTables(settings);
    System.out.println("HBASE_READY");
    hbase.join();
  }

  private static Configuration settings(Path directory, int zooKeeperPort) {
    Configuration settings = HBaseConfiguration.create();
    settings.set("hbase.rootdir", "file://" + directory.resolve("hbase"));
    settings.set("hbase.tmp.dir", directory.resolve("tmp").toString());
    settings.set("hadoop.tmp.dir", directory.resolve("hadoop").toString());
    // The asynchronous log and the check for hflush are made for HDFS; a local file system has neither.
    settings.set("hbase.wal.provider", "filesystem");
    settings.setBoolean("hbase.unsafe.stream.capability.enforce", false);
    settings.setBoolean("hbase.cluster.distributed", false);
    settings.set("hbase.zookeeper.quorum", "127.0.0.1");
    settings.setInt("hbase.zookeeper.property.clientPort", zooKeeperPort);
    for (String role : List.of("master", "regionserver")) {
      settings.set("hbase." + role + ".ipc.address", "127.0.0.1");
      settings.set("hbase." + role + ".hostname", "localhost");
      settings.setInt("hbase." + role + ".port", 0);
      settings.setInt("hbase." + role + ".info.port", -1);
    }
    settings.setBoolean("hbase.table.sanity.checks", false);
    return settings;
  }

  private static void createTables(Configuration settings) throws Exception {
    try (Connection connection = ConnectionFactory.createConnection(settings);
        Admin admin = connection.getAdmin()) {
      for (Map.Entry<String, List<String>> table : TABLES.entrySet()) {
        TableName name = TableName.valueOf(table.getKey());
        if (admin.tableExists(name)) continue;
        TableDescriptorBuilder descriptor = TableDescriptorBuilder.newBuilder(name);
        for (String family : table.getValue()) descriptor.setColumnFamily(ColumnFamilyDescriptorBuilder.of(family));
        admin.createTable(descriptor.build());
      }
    }
  }

  private static void stop(LocalHBaseCluster hbase, MiniZooKeeperCluster zooKeeper) {
    try {
      hbase.shutdown();
      hbase.join();
      zooKeeper.shutdown();
    } catch (Exception failure) {
      failure.printStackTrace();
    }
  }
}
