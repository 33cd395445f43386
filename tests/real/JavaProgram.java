// Threads, monitors, executors, sockets, files, processes, stack overflow, null pointers, garbage collection.
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.LockSupport;

public class JavaProgram {
	static int depth;

	static void deeper() {
		depth++;
		deeper();
	}

	static void monitors() throws Exception {
		final Object lock = new Object();
		final int[] turn = {0, 0};
		Thread[] threads = new Thread[10];
		for (int i = 0; i < threads.length; i++) {
			final int me = i;
			threads[i] = new Thread(() -> {
				for (int k = 0; k < 200; k++)
					synchronized (lock) {
						while (turn[0] != me)
							try {
								lock.wait();
							} catch (InterruptedException e) {
								return;
							}
						turn[0] = (turn[0] + 1) % 10;
						turn[1]++;
						lock.notifyAll();
					}
			});
			threads[i].start();
		}
		for (Thread t : threads)
			t.join();
		System.out.println("turns " + turn[1]);
	}

	static void sleepers() throws Exception {
		Thread[] threads = new Thread[300];
		AtomicInteger woken = new AtomicInteger(), interrupted = new AtomicInteger();
		for (int i = 0; i < threads.length; i++) {
			final int n = i;
			threads[i] = new Thread(() -> {
				try {
					Thread.sleep(n % 3 == 0 ? 100000 : 50);
					woken.incrementAndGet();
				} catch (InterruptedException e) {
					interrupted.incrementAndGet();
				}
			});
			threads[i].start();
		}
		for (int i = 0; i < threads.length; i += 3)
			threads[i].interrupt();
		for (Thread t : threads)
			t.join();
		System.out.println("woken " + woken + ", interrupted " + interrupted);
		Thread parked = new Thread(LockSupport::park);
		parked.start();
		LockSupport.unpark(parked);
		parked.join();
	}

	static void echo() throws Exception {
		ServerSocket server = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
		Thread acceptor = new Thread(() -> {
			try {
				for (int i = 0; i < 100; i++) {
					Socket s = server.accept();
					new Thread(() -> {
						try (s; BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
							PrintWriter out = new PrintWriter(s.getOutputStream(), true)) {
							for (String line; (line = in.readLine()) != null;)
								out.println("echo " + line);
						} catch (IOException e) {
							System.out.println("server: " + e);
						}
					}).start();
				}
			} catch (IOException e) {
				System.out.println("accept: " + e);
			}
		});
		acceptor.start();
		ExecutorService pool = Executors.newFixedThreadPool(40);
		List<Future<Integer>> results = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			final int n = i;
			results.add(pool.submit(() -> {
				int good = 0;
				try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort());
					BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
					PrintWriter out = new PrintWriter(s.getOutputStream(), true)) {
					for (int k = 0; k < 20; k++) {
						out.println(n + " " + k);
						if (in.readLine().equals("echo " + n + " " + k))
							good++;
					}
				}
				return good;
			}));
		}
		int good = 0;
		for (Future<Integer> f : results)
			good += f.get();
		acceptor.join();
		pool.shutdown();
		System.out.println("echoed " + good);
		server.setSoTimeout(50);
		try {
			server.accept();
		} catch (SocketTimeoutException e) {
			System.out.println("accept timed out");
		}
		Thread blocked = new Thread(() -> {
			try {
				server.setSoTimeout(0);
				server.accept();
			} catch (IOException e) {
				System.out.println("accept ended by close");
			}
		});
		blocked.start();
		Thread.sleep(100);
		server.close();
		blocked.join();
	}

	static void faults() {
		try {
			deeper();
		} catch (StackOverflowError e) {
			System.out.println("stack overflow " + (depth > 500));
		}
		int caught = 0;
		Object[] none = {null};
		for (int i = 0; i < 20000; i++)
			try {
				none[0].hashCode();
			} catch (NullPointerException e) {
				caught++;
			}
		System.out.println("null pointers " + caught);
	}

	static void garbage() throws Exception {
		Thread[] threads = new Thread[8];
		AtomicLong sum = new AtomicLong();
		for (int i = 0; i < threads.length; i++) {
			threads[i] = new Thread(() -> {
				List<byte[]> kept = new LinkedList<>();
				for (int k = 0; k < 3000; k++) {
					kept.add(new byte[10000]);
					if (kept.size() > 50)
						kept.remove(0);
				}
				sum.addAndGet(kept.size());
			});
			threads[i].start();
		}
		System.gc();
		for (Thread t : threads)
			t.join();
		System.out.println("garbage " + sum);
	}

	static void processes() throws Exception {
		Process p = new ProcessBuilder("sh", "-c", "echo from the child; exit 3").start();
		String line = new BufferedReader(new InputStreamReader(p.getInputStream())).readLine();
		System.out.println(line + " " + p.waitFor());
		Path f = Files.createTempFile("java", ".txt");
		Files.writeString(f, "contents");
		System.out.println(Files.readString(f));
		Files.delete(f);
	}

	public static void main(String[] args) throws Exception {
		monitors();
		sleepers();
		echo();
		faults();
		Thread t = new Thread(JavaProgram::faults);
		depth = 0;
		t.start();
		t.join();
		garbage();
		processes();
		ScheduledExecutorService timer = Executors.newScheduledThreadPool(2);
		CountDownLatch latch = new CountDownLatch(20);
		timer.scheduleAtFixedRate(latch::countDown, 1, 2, TimeUnit.MILLISECONDS);
		System.out.println("timer " + latch.await(10, TimeUnit.SECONDS));
		timer.shutdownNow();
	}
}
