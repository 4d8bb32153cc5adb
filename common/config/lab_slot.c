#include "lab_slot.h"

void lab_slot_init(struct lab_slot *s, const struct lab *lab)
{
  pthread_mutex_init(&s->lock, NULL);
  s->lab = lab_ref(lab);
}

void lab_slot_clear(struct lab_slot *s)
{
  if (!s->lab) return;
  lab_free(s->lab);
  s->lab = NULL;
  pthread_mutex_destroy(&s->lock);
}

const struct lab *lab_slot_get(struct lab_slot *s)
{
  pthread_mutex_lock(&s->lock);
  const struct lab *lab = lab_ref(s->lab);
  pthread_mutex_unlock(&s->lock);
  return lab;
}

void lab_slot_put(struct lab_slot *s, const struct lab *lab)
{
  pthread_mutex_lock(&s->lock);
  const struct lab *old = s->lab;
  s->lab = lab;
  pthread_mutex_unlock(&s->lock);
  lab_free(old);
}
