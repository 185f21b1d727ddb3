/* The native half of Rank.java. Bytes are copied in and out once; the JVM is
 * free to move its arrays while the engine works. */
#include <jni.h>
#include <string.h>

#include "../bridge.h"

static void throw_state(JNIEnv *env, const char *message) {
  jclass type = (*env)->FindClass(env, "java/lang/IllegalStateException");
  if (type != NULL) (*env)->ThrowNew(env, type, message);
}

/* A copy of a byte array, to be freed; NULL with an exception pending. */
static bridge_text copy_bytes(JNIEnv *env, jbyteArray array) {
  bridge_text text = {NULL, (size_t)(*env)->GetArrayLength(env, array)};
  char *data = malloc(text.size + 1);
  if (data == NULL) {
    throw_state(env, "out of memory");
    return text;
  }
  (*env)->GetByteArrayRegion(env, array, 0, (jsize)text.size, (jbyte *)data);
  text.data = data;
  return text;
}

JNIEXPORT jlong JNICALL Java_Rank_open(JNIEnv *env, jclass type,
                                       jbyteArray json) {
  char message[512] = "";
  attune_engine *engine = NULL;
  bridge_text text = copy_bytes(env, json);
  (void)type;
  if (text.data != NULL &&
      bridge_open(text, &engine, message, sizeof message) != ATTUNE_OK) {
    throw_state(env, message);
  }
  free((void *)text.data);
  return (jlong)(intptr_t)engine;
}

JNIEXPORT jfloatArray JNICALL Java_Rank_rankIds(
    JNIEnv *env, jclass type, jlong engine, jbyteArray user, jbyteArray ids,
    jlongArray lengths, jbyteArray model, jlong now_ms) {
  char message[512] = "";
  jsize count = (*env)->GetArrayLength(env, lengths), i;
  bridge_text texts[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
  size_t *sizes = malloc(((size_t)count + 1) * sizeof *sizes);
  float *scores = malloc(((size_t)count + 1) * sizeof *scores);
  jlong *wide = (*env)->GetLongArrayElements(env, lengths, NULL);
  jfloatArray answer = NULL;
  (void)type;
  texts[0] = copy_bytes(env, user);
  if (texts[0].data != NULL) texts[1] = copy_bytes(env, ids);
  if (texts[1].data != NULL) texts[2] = copy_bytes(env, model);
  if (sizes != NULL && scores != NULL && wide != NULL &&
      texts[2].data != NULL) {
    for (i = 0; i < count; ++i) sizes[i] = (size_t)wide[i];
    if (bridge_rank_ids((attune_engine *)(intptr_t)engine, texts[0],
                        texts[1].data, sizes, (size_t)count, texts[2], now_ms,
                        scores, message, sizeof message) != ATTUNE_OK) {
      throw_state(env, message);
    } else if ((answer = (*env)->NewFloatArray(env, count)) != NULL) {
      (*env)->SetFloatArrayRegion(env, answer, 0, count, scores);
    }
  } else if (!(*env)->ExceptionCheck(env)) {
    throw_state(env, "out of memory");
  }
  if (wide != NULL) {
    (*env)->ReleaseLongArrayElements(env, lengths, wide, JNI_ABORT);
  }
  for (i = 0; i < 3; ++i) free((void *)texts[i].data);
  free(sizes);
  free(scores);
  return answer;
}

JNIEXPORT void JNICALL Java_Rank_close(JNIEnv *env, jclass type, jlong engine) {
  (void)env;
  (void)type;
  attune_close((attune_engine *)(intptr_t)engine, NULL);
}
