/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Whether the thread sanitizer can be believed here: thread-controls race must be reported, thread-controls clean must
 *  not. Both do the same work; the first forgets the lock. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define TURNS 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int ready;
static long counter;

static void *count(void *careless)
{
  atomic_fetch_add(&ready, 1);
  while (atomic_load(&ready) < 2) /* side by side */
    ;
  for (int i = 0; i < TURNS; i++) {
    if (!careless)
      pthread_mutex_lock(&lock);
    counter++;
    if (!careless)
      pthread_mutex_unlock(&lock);
  }
  return NULL;
}

int main(int argc, char **argv)
{
  pthread_t threads[2];
  void *careless = argc == 2 && strcmp(argv[1], "race") == 0 ? &counter : NULL;
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, count, careless) != 0)
      return 2;
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  printf("%ld of %d\n", counter, 2 * TURNS);
  return careless || counter == 2 * TURNS ? 0 : 1;
}
