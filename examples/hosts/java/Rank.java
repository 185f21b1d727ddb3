import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Ranks from Java through JNI (JDK 17): loads librank_jni.so, scores candidates.
 *
 * <p>java Rank DATABASE NOW_MS CALLS USER ITEM... First a call that is wrong, to
 * show its exception; then CALLS right ones, the scores of the last and the
 * median time of a call.
 */
public final class Rank implements AutoCloseable {
  private final long engine;

  /** Opens a database by the JSON of attune_open; IllegalStateException says why not. */
  public Rank(String json) {
    engine = open(utf8(json));
  }

  /** Scores of items for a user, in their order. Safe from many threads. */
  public float[] rankIds(String user, String[] ids, String model, long nowMs) {
    byte[][] texts = new byte[ids.length][];
    long[] lengths = new long[ids.length];
    int size = 0;
    for (int i = 0; i < ids.length; ++i) {
      texts[i] = utf8(ids[i]);
      lengths[i] = texts[i].length;
      size += texts[i].length;
    }
    byte[] joined = new byte[size];
    for (int i = 0, at = 0; i < ids.length; at += texts[i++].length) {
      System.arraycopy(texts[i], 0, joined, at, texts[i].length);
    }
    return rankIds(engine, utf8(user), joined, lengths, utf8(model), nowMs);
  }

  @Override
  public void close() {
    close(engine);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static native long open(byte[] json);

  private static native float[] rankIds(
      long engine, byte[] user, byte[] ids, long[] lengths, byte[] model, long nowMs);

  private static native void close(long engine);

  static {
    System.loadLibrary("rank_jni");
  }

  public static void main(String[] arguments) {
    String database = arguments[0].replace("\\", "\\\\").replace("\"", "\\\"");
    long nowMs = Long.parseLong(arguments[1]);
    long[] times = new long[Integer.parseInt(arguments[2])];
    String[] ids = Arrays.copyOfRange(arguments, 4, arguments.length);
    try (Rank rank = new Rank("{\"mode\": \"follower\", \"database\": \"" + database + "\"}")) {
      try {
        rank.rankIds(arguments[3], ids, "no such model", nowMs);
      } catch (IllegalStateException error) {
        System.out.println("error " + error.getMessage());
      }
      float[] scores = {};
      for (int i = 0; i < times.length; ++i) {
        long start = System.nanoTime();
        scores = rank.rankIds(arguments[3], ids, "", nowMs);
        times[i] = System.nanoTime() - start;
      }
      Arrays.sort(times);
      for (int i = 0; i < scores.length; ++i) {
        System.out.println("score " + ids[i] + " " + scores[i]);
      }
      System.out.println("p50_us " + times[times.length / 2] / 1000.0);
    }
  }
}
