/* The search of a page on a disk puts a stand-in in the place of Worker; this keeps the browser's own. */
self.nativeWorker = self.Worker;
