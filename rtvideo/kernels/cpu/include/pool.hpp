// A small pool of threads that sleep between frames. POSIX threads alone: no C++ library is needed.
#pragma once
#include "simd.hpp"
#include <pthread.h>
#include <stdlib.h>

namespace rt {

struct Pool {
    typedef void (*Work)(void *argument, int task, int worker);

    pthread_mutex_t mutex;
    pthread_cond_t begin, end;
    pthread_t threads[64];
    int count;        // threads besides the caller's
    unsigned round;   // of work, guarded by the mutex like all that follows
    int running;      // threads that have not finished the round
    int next, tasks;  // next is atomic
    bool stop;
    Work work;
    void *argument;

    struct Worker {
        Pool *pool;
        int index;
    } workers[64];

    // Start `wanted` - 1 threads; fewer where the system refuses. False if nothing could be set up.
    void open(int wanted) {
        memset(this, 0, sizeof *this);
        pthread_mutex_init(&mutex, 0);
        pthread_cond_init(&begin, 0);
        pthread_cond_init(&end, 0);
        for (int i = 0; i < wanted - 1 && i < 64; i++) {
            workers[i] = Worker{this, i + 1};
            if (pthread_create(&threads[i], 0, serve, &workers[i])) break;
            count++;
        }
    }

    void close() {
        pthread_mutex_lock(&mutex);
        stop = true;
        pthread_cond_broadcast(&begin);
        pthread_mutex_unlock(&mutex);
        for (int i = 0; i < count; i++) pthread_join(threads[i], 0);
        pthread_cond_destroy(&begin);
        pthread_cond_destroy(&end);
        pthread_mutex_destroy(&mutex);
    }

    // Run work(argument, 0..n-1, worker), the caller's thread being worker 0; return when all is done.
    void run(int n, Work f, void *a) {
        if (count == 0 || n == 1) {
            for (int i = 0; i < n; i++) f(a, i, 0);
            return;
        }
        pthread_mutex_lock(&mutex);
        work = f, argument = a, tasks = n, running = count;
        __atomic_store_n(&next, 0, __ATOMIC_RELAXED);
        round++;
        pthread_cond_broadcast(&begin);
        pthread_mutex_unlock(&mutex);
        drain(f, a, n, 0);
        pthread_mutex_lock(&mutex);
        while (running) pthread_cond_wait(&end, &mutex);
        pthread_mutex_unlock(&mutex);
    }

    void drain(Work f, void *a, int n, int worker) {
        for (int i; (i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < n;) f(a, i, worker);
    }

    static void *serve(void *p) {
        Worker *self = (Worker *)p;
        Pool *pool = self->pool;
        unsigned seen = 0;
        pthread_mutex_lock(&pool->mutex);
        for (;;) {
            while (!pool->stop && pool->round == seen) pthread_cond_wait(&pool->begin, &pool->mutex);
            if (pool->stop) break;
            seen = pool->round;
            Work f = pool->work;
            void *a = pool->argument;
            int n = pool->tasks;
            pthread_mutex_unlock(&pool->mutex);
            pool->drain(f, a, n, self->index);
            pthread_mutex_lock(&pool->mutex);
            if (--pool->running == 0) pthread_cond_signal(&pool->end);
        }
        pthread_mutex_unlock(&pool->mutex);
        return 0;
    }
};

} // namespace rt
