using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>
/// The agent's memory on disk, append-only. What <see cref="Append"/> returned from is on the disk. One process at a time
/// has it. A last line without its end was never acknowledged and is cut when the file is opened. A line that can't be read
/// is skipped: what it said, the base's list corrects.
/// </summary>
public sealed class CommandJournal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly FileStream _lock;
    private readonly ILogger _log;
    private readonly long _compactAbove;
    private readonly JournalSync _sync;
    private SafeFileHandle _file;
    private long _length;
    private long _lengthAfterCompaction;
    private bool _isFolderSynced = true;
    private volatile JournalState _state;

    private CommandJournal(string folder, ILogger log, long compactAbove, JournalSync sync)
    {
        (_path, _log, _compactAbove, _sync) = (Path.Combine(folder, "journal"), log, compactAbove, sync);
        _lock = TakeLock(Path.Combine(folder, "journal.lock"));
        _file = File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var bytes = new byte[RandomAccess.GetLength(_file)];
        var read = 0;
        while (read < bytes.Length && RandomAccess.Read(_file, bytes.AsSpan(read), read) is var count and > 0) read += count;

        var records = new List<JournalRecord>();
        var skipped = new List<long>();
        _length = JournalLine.Decode(bytes.AsSpan(0, read), records, skipped);
        foreach (var position in skipped) log.JournalLineSkipped(_path, position);
        _lengthAfterCompaction = _length;
        _state = records.Aggregate(JournalState.Empty, (state, record) => state.Apply(record));
        if (_length == bytes.Length) return;

        log.JournalTailCut(_path, bytes.Length - _length);
        RandomAccess.SetLength(_file, _length);
        _sync.File(_file);
    }

    /// <summary>What the journal adds up to now.</summary>
    public JournalState State => _state;

    /// <summary>Opens the journal in <paramref name="folder"/>; an <see cref="IOException"/> when another agent has it.</summary>
    public static CommandJournal Open(string folder, ILogger log, long compactAbove = 1024 * 1024, JournalSync? sync = null)
    {
        Directory.CreateDirectory(folder);
        return new CommandJournal(folder, log, compactAbove, sync ?? JournalSync.Disk);
    }

    /// <summary>The kept answer to a command of this base life, marked as repeated; null: never executed.</summary>
    public CommandResult? FindResult(string commandId)
    {
        if (!_state.Results.TryGetValue(commandId, out var finished)) return null;
        var result = CommandResult.Parser.ParseFrom(finished.Result);
        result.Repeated = true;
        return result;
    }

    /// <summary>Writes all records at once and waits for the disk. An exception means that none of them counts.</summary>
    public void Append(params ReadOnlySpan<JournalRecord> records)
    {
        if (records.IsEmpty) return;
        using var buffer = new MemoryStream();
        // The one lock with I/O under it: records must be on the disk in the order in which the state takes them.
        lock (_gate)
        {
            var state = _state;
            foreach (var record in records)
            {
                state = state.Apply(record);
                buffer.Write(JournalLine.Encode(record));
            }

            SyncFolder();
            try
            {
                RandomAccess.Write(_file, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), _length);
                _sync.File(_file);
            }
            catch (IOException)
            {
                // Half a line must not stay in front of the next record.
                RandomAccess.SetLength(_file, _length);
                throw;
            }

            _length += buffer.Length;
            _state = state;
            if (_length > _compactAbove && _length > 2 * _lengthAfterCompaction) Compact();
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    private static FileStream TakeLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{path} is held by another agent process: {e.Message}", e);
        }
    }

    /// <summary>Written beside, synced, renamed: at any moment one whole journal has the name.</summary>
    private void Compact()
    {
        var temporary = _path + ".new";
        SafeFileHandle? renewed = null;
        try
        {
            renewed = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
            using var buffer = new MemoryStream();
            foreach (var record in _state.ToRecords()) buffer.Write(JournalLine.Encode(record));
            RandomAccess.Write(renewed, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), 0);
            _sync.File(renewed);
            File.Move(temporary, _path, overwrite: true);
            // From here on the name leads to the new file, whatever happens to the folder.
            _isFolderSynced = false;
            _file.Dispose();
            _file = renewed;
            _length = buffer.Length;
            _lengthAfterCompaction = _length;
            SyncFolder();
        }
        catch (IOException e)
        {
            // Before the rename: the old file is whole and goes on growing. Tried again when it has doubled.
            if (renewed != _file) renewed?.Dispose();
            _lengthAfterCompaction = _length;
            _log.JournalNotCompacted(_path, e);
        }
    }

    /// <summary>After a power cut the name could lead to the file before the rename, so nothing is acknowledged until this succeeds.</summary>
    private void SyncFolder()
    {
        if (_isFolderSynced) return;
        _sync.Folder(Path.GetDirectoryName(_path)!);
        _isFolderSynced = true;
    }
}
